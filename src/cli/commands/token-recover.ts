import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../clock.ts';
import { type Config, loadConfig } from '../../config/index.ts';
import { mintToken, type TokenRecord, UNBOUND } from '../../enrollment/index.ts';
import { prepareKeyFolder, writeSecretFile } from '../../keystore/index.ts';
import { systemRandom } from '../../random.ts';
import { openPostgresStore, openStoreInProcess } from '../../store/index.ts';
import type { Invocation } from '../invocation.ts';
import { LocalFailure } from '../local-failure.ts';
import { show } from '../output.ts';
import { setupFailure } from '../setup-failure.ts';

/** As the first one that the service makes. */
const DAYS = 365;

function verifyHasData({ databaseFile, databaseUrl, keysFolder }: Config): void {
  const due = databaseUrl() === null ? [databaseFile, keysFolder] : [keysFolder];
  const missing = due.find((path) => !existsSync(path));
  if (missing === undefined) return;
  throw new LocalFailure('setup', `There is no ${missing}, so there is nothing to recover.`, {
    hint: 'say where the data folder is with --data; the first start of the service makes an admin token by itself',
  });
}

/** The file comes first, under another name: a token on record that nobody was told would help nobody. */
async function replaceToken(config: Config, path: string): Promise<TokenRecord> {
  const at = systemClock.now();
  const { record, secret } = mintToken(systemRandom, at, {
    name: 'recovered admin',
    role: 'admin',
    rights: [],
    fleet: null,
    bounds: UNBOUND,
    validityDays: DAYS,
  });
  const actor = { kind: 'operator', id: userInfo().username, role: 'operator' } as const;
  const runId = Buffer.from(systemRandom.bytes(8)).toString('hex');
  // Refused as `busy` while a service runs.
  const url = config.databaseUrl();
  const store = await (url === null
    ? openStoreInProcess({ file: config.databaseFile, runId, at })
    : openPostgresStore({ url, runId, at, whenEmpty: 'refuse' }));
  const beside = `${path}.new`;
  try {
    await rm(beside, { force: true });
    await writeSecretFile(beside, `${secret}\n`);
    await store.recordToken({ at, actor }, record);
    await rename(beside, path);
  } finally {
    await store.close(systemClock.now());
  }
  return record;
}

/** `token recover`: a new admin token in the data folder, made without the service. */
export async function recoverToken({ globals, output }: Invocation): Promise<undefined> {
  try {
    const config = loadConfig({ flags: { data: globals.data } });
    verifyHasData(config);
    await prepareKeyFolder(config.keysFolder);
    const file = join(config.keysFolder, 'admin-token');
    const { id, expiresAt } = await replaceToken(config, file);
    await show(output, { id, file, expiresAt: expiresAt.toISOString() }, () => `${file}\n`);
    if (output.json) return;
    output.say(
      `A new admin token, ${id}, is in that file. Older ones stay valid: see \`fleetca token list\`.`,
    );
  } catch (failure) {
    throw setupFailure(failure);
  }
}
