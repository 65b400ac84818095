import { PkiError, type RefusalCode } from '../../errors.ts';

/** Somebody wrote beside the writers' lock: what was read is no longer so. The transaction is tried again. */
export class Overtaken extends Error {
  override readonly name = 'Overtaken';
}

/** SQLSTATEs that say that the same transaction may well succeed at once. */
const TRY_AGAIN = /^(40001|40P01)$/;
/** Lock and statement timeouts, too many connections, a server that starts or stops. */
const BUSY = /^(55P03|57014|53300|57P03)$/;
const FULL = /^53100$/;
/**
 * Connection, authorisation, no such database, a read-only server, resources, shutdown, system errors,
 * corruption, no right, an object that is not in the expected state.
 */
const MEDIUM = /^(08|28|3D|25006|53|57P|58|XX00[12]|42501|55000)/;
/** What Node says of sockets, names and TLS. */
const SOCKET = /^(E[A-Z_]+|ERR_(TLS|SSL|SOCKET)_\w+|[A-Z_]*CERT[A-Z_]*|UNABLE_TO_\w+)$/;
/** What pg says without a code. */
const LOST =
  /^(Connection terminated|timeout expired|timeout exceeded|Client (has encountered|was closed)|Query read timeout|Cannot use a pool|The server does not support SSL)/;

const codeOf = (error: unknown): string => String((error as { code?: unknown } | undefined)?.code ?? '');

const messageOf = (error: unknown): string =>
  String((error as { message?: unknown } | undefined)?.message ?? '');

const refusal = (code: RefusalCode, message: string, cause: unknown): PkiError =>
  new PkiError(code, message, { facts: { medium: codeOf(cause) || messageOf(cause) }, cause });

/** True where the transaction lost to another one, and may be run again. */
export const isOvertaken = (error: unknown): boolean =>
  error instanceof Overtaken || TRY_AGAIN.test(codeOf(error));

/** What the medium's refusals mean to a client; anything else is a defect and stays what it is. */
export function postgresError(error: unknown): unknown {
  if (error instanceof PkiError) return error;
  const code = codeOf(error);
  if (FULL.test(code)) {
    return refusal('storage-full', 'The disk of the database is full; nothing was recorded.', error);
  }
  if (BUSY.test(code) || isOvertaken(error)) {
    return refusal('busy', 'The database is busy; nothing was recorded.', error);
  }
  const medium = MEDIUM.test(code) || SOCKET.test(code) || (code === '' && LOST.test(messageOf(error)));
  return medium
    ? refusal('storage-unavailable', 'The database cannot be reached or used; nothing was recorded.', error)
    : error;
}

/** The connection broke while the server was to commit: only the next connection can tell whether it did. */
export const inDoubt = (cause: unknown): PkiError =>
  refusal(
    'storage-unavailable',
    'The connection to the database broke while it was writing; the request may or may not have been recorded. Ask again.',
    cause,
  );

/** True where the server itself said that the commit failed: nothing of it is there. */
export const isServersWord = (error: unknown): boolean =>
  /^[0-9A-Z]{5}$/.test(codeOf(error)) && !/^(57P|08|58|XX)/.test(codeOf(error));
