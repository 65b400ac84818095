import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { LocalFailure } from '../../src/cli/local-failure.ts';
import { readTreehub, type TreehubOptions } from '../../src/cli/treehub-options.ts';

const folder = mkdtempSync(join(tmpdir(), 'fleetca-treehub-'));
afterAll(() => rmSync(folder, { recursive: true }));
const secret = join(folder, 'secret');
writeFileSync(secret, 'the secret\nand no more\n');
const server = 'https://treehub.example';

async function failureOf(options: TreehubOptions): Promise<string> {
  try {
    await readTreehub(options);
    return 'taken';
  } catch (failure) {
    if (!(failure instanceof LocalFailure)) throw failure;
    return `${failure.code}: ${failure.message}`;
  }
}

describe('treehub.json from the command line', () => {
  it('is none where nothing is said of it', async () => {
    expect(await readTreehub({})).toBeNull();
  });

  it('has the login that is named, with the secret from the first line of its file', async () => {
    const oauth2 = {
      treehubOauth2Server: 'https://a',
      treehubClientId: 'c',
      treehubClientSecretFile: secret,
    };
    const made = await Promise.all([
      readTreehub({ treehubServer: server, ...oauth2, treehubScope: 's' }),
      readTreehub({ treehubServer: server, treehubUser: 'u', treehubPasswordFile: secret }),
      readTreehub({ treehubServer: server, treehubNoAuth: true }),
    ]);
    expect(made.map((text) => JSON.parse(String(text)))).toEqual([
      {
        ostree: { server },
        oauth2: { server: 'https://a', client_id: 'c', client_secret: 'the secret', scope: 's' },
      },
      { ostree: { server }, basic_auth: { user: 'u', password: 'the secret' } },
      { ostree: { server }, no_auth: true },
    ]);
  });

  it('is a file as it is where one is named', async () => {
    expect(await readTreehub({ treehubJson: secret })).toEqual(Buffer.from('the secret\nand no more\n'));
  });

  it.each<[TreehubOptions, RegExp]>([
    [{ treehubNoAuth: true }, /--treehub-server/],
    [{ treehubServer: server }, /one way to log in/],
    [{ treehubServer: server, treehubNoAuth: true, treehubUser: 'u' }, /one way to log in/],
    [{ treehubServer: server, treehubUser: 'u' }, /--treehub-password-file/],
    [{ treehubServer: server, treehubClientId: 'c' }, /--treehub-oauth2-server/],
    [{ treehubJson: secret, treehubNoAuth: true }, /alone/],
    [{ treehubJson: join(folder, 'missing') }, /does not exist/],
  ])('is refused as usage: %j', async (options, why) => {
    const failure = await failureOf(options);
    expect(failure).toMatch(/^usage: /);
    expect(failure).toMatch(why);
  });
});
