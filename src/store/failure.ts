import { PkiError } from '../errors.ts';

const MEDIUM =
  /^(SQLITE_(IOERR|CANTOPEN|READONLY|CORRUPT|NOTADB|PERM|NOMEM)|E(ACCES|PERM|ROFS|IO|NOENT|NOTDIR|ISDIR|MFILE|NFILE)$)/;

/** What the medium's refusals mean to a client; anything else is a defect and stays what it is. */
export function storageError(error: unknown): unknown {
  const code = (error as { code?: unknown } | undefined)?.code;
  if (error instanceof PkiError || typeof code !== 'string') return error;
  const detail = { facts: { medium: code }, cause: error };
  if (/^(SQLITE_FULL|ENOSPC|EDQUOT)/.test(code)) {
    return new PkiError(
      'storage-full',
      'The disk that holds the database is full; nothing was recorded.',
      detail,
    );
  }
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED')) {
    return new PkiError('busy', 'The database is held by another program; nothing was recorded.', detail);
  }
  const medium = MEDIUM.test(code);
  return medium
    ? new PkiError(
        'storage-unavailable',
        'The database cannot be read or written; nothing was recorded.',
        detail,
      )
    : error;
}

/** The same at a start, where a person has to find the file. */
export function openingError(file: string, error: unknown): unknown {
  const code = String((error as { code?: unknown } | undefined)?.code);
  if (!/^SQLITE_(NOTADB|CORRUPT)/.test(code)) return storageError(error);
  return new PkiError(
    'storage-unavailable',
    `${file} is no database that can be read (${code}): it was overwritten or damaged. Put a copy back.`,
    { facts: { medium: code }, cause: error },
  );
}

/**
 * A sync that failed may have lost what it was to write, and the next one would not say so; a corrupt
 * database must not be signed on. After either, nothing is written until a restart.
 */
export const isFatal = (error: unknown): boolean =>
  /^SQLITE_(IOERR_(FSYNC|DIR_FSYNC|WRITE|TRUNCATE|SHORT_READ)|CORRUPT|NOTADB)/.test(
    String((error as { code?: unknown } | undefined)?.code),
  );
