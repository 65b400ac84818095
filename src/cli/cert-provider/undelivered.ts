import { readFile, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { deviceFolder } from '../../bundle/index.ts';
import { PkiError } from '../../errors.ts';
import { makeFolder } from '../../folder.ts';
import { EXIT, EXIT_STATUS } from '../exit-status.ts';
import { saveFile } from '../files.ts';
import { errnoOf, fileFailure, LocalFailure } from '../local-failure.ts';
import { quote } from './placing-script.ts';

/** Whose credentials they are: another's must not be taken for them. */
export interface Origin {
  readonly deviceId: string;
  readonly madeBy: 'service' | 'server';
  /** The fleet, or the server's URL. */
  readonly at: string;
}

/**
 * What cannot be had twice, on this machine until the files have arrived: a service takes one key for a
 * device, and a server hands its key out once.
 */
export interface Undelivered {
  readonly deviceId: string;
  readonly path: string;
  /** What an earlier call left there; null for nothing. */
  readonly found: string | null;
  /** Replaces what is there. When it resolves, the secret is on disk, 0600. */
  keep(secret: string): Promise<void>;
  /** Takes it away: it has arrived, or is good for nothing. */
  drop(): Promise<void>;
  /** Whether something lies there now. */
  isKept(): boolean;
  /** Takes the folder away where nothing lies in it. Does not reject. */
  close(): Promise<void>;
}

const isOf = (record: unknown, { deviceId, madeBy, at }: Origin): record is { readonly secret: string } => {
  const told = record as Partial<Origin & { secret: unknown }> | null;
  return (
    told?.deviceId === deviceId && told.madeBy === madeBy && told.at === at && typeof told.secret === 'string'
  );
};

function parseRecord(path: string, text: string, origin: Origin): string {
  let record: unknown = null;
  try {
    record = JSON.parse(text);
  } catch {
    // Said below, without what it holds.
  }
  if (isOf(record, origin)) return record.secret;
  throw new LocalFailure('usage', `${path} is not what was kept for this device.`, {
    hint: 'name another --keep, or remove it if nobody needs it',
  });
}

async function findRecord(path: string, origin: Origin): Promise<string | null> {
  try {
    return parseRecord(path, await readFile(path, 'utf8'), origin);
  } catch (failure) {
    if (errnoOf(failure) === 'ENOENT') return null;
    throw fileFailure(path, failure);
  }
}

async function* only(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text, 'utf8');
}

/**
 * Opens the place in a folder, which it makes, before anybody is asked for credentials. Rejects with `usage`
 * where that cannot be made or read, or holds another's.
 */
export async function openUndelivered(folder: string, origin: Origin): Promise<Undelivered> {
  await makeFolder(folder, 0o700).catch((failure: unknown) => {
    throw fileFailure(folder, failure);
  });
  const path = join(folder, `${deviceFolder(origin.deviceId)}.json`);
  const found = await findRecord(path, origin);
  let isThere = found !== null;
  return {
    deviceId: origin.deviceId,
    path,
    found,
    keep: async (secret) => {
      await saveFile(path, 0o600, only(`${JSON.stringify({ ...origin, secret })}\n`));
      isThere = true;
    },
    drop: async () => {
      await rm(path, { force: true });
      isThere = false;
    },
    isKept: () => isThere,
    // Of other devices something may lie there.
    close: () => rmdir(folder).catch(() => undefined),
  };
}

/** The failure, with what is to be done about what is kept. */
function tellOf({ path, deviceId, found }: Undelivered, failure: unknown): unknown {
  const isRefused = failure instanceof PkiError && EXIT_STATUS[failure.code] !== EXIT.tryAgain;
  const words =
    isRefused && found !== null
      ? `asked with the key that was kept in ${path}; if the device has another one by now, remove that`
      : `the key is kept in ${path}: give the command again, with --certificate-cn ${quote(deviceId)}`;
  if (failure instanceof LocalFailure) {
    const { code, message, violations, hint } = failure;
    const both = hint === null ? words : `${hint}; ${words}`;
    return new LocalFailure(code, message, { violations, hint: both, cause: failure });
  }
  if (!(failure instanceof PkiError)) return failure;
  const { code, message, violations } = failure;
  return new PkiError(code, `${message} (${words})`, { violations, cause: failure });
}

/**
 * Makes and delivers. Then what was kept goes; where it does not come to that, and something is kept, the
 * failure says where it lies and how to go on.
 */
export async function untilDelivered<T>(undelivered: Undelivered | null, act: () => Promise<T>): Promise<T> {
  if (undelivered === null) return act();
  try {
    const done = await act();
    await undelivered.drop();
    return done;
  } catch (failure) {
    throw undelivered.isKept() ? tellOf(undelivered, failure) : failure;
  } finally {
    await undelivered.close();
  }
}
