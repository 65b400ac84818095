import { createReadStream } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { splitCells, splitRecords } from '../../batch/index.ts';
import { PkiError } from '../../errors.ts';
import { fileFailure, LocalFailure } from '../local-failure.ts';
import { certificatesIn, type ForeignItem, itemAt, readCertificates, reasonOf } from './item.ts';

const COLUMNS = ['certificate', 'device_id', 'serial', 'status', 'revoked_at', 'reason'] as const;
type Column = (typeof COLUMNS)[number];
type Cells = Readonly<Partial<Record<Column, string>>>;

const NOT_REVOKED = ['', 'v', 'e', 'valid', 'active', 'good', 'expired'];
/** RFC 3339, 5.6. */
const RFC_3339 = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;
const BASE64 = /^[A-Za-z0-9+/\s]{64,}={0,2}\s*$/;

function readHeader(names: readonly string[], path: string): readonly (Column | undefined)[] {
  const columns = names.map((name) => COLUMNS.find((one) => one === name.trim().toLowerCase()));
  if (columns.includes('certificate')) return columns;
  throw new LocalFailure('usage', `${path} has no column named certificate.`, {
    hint: `the first line names the columns: ${COLUMNS.join(', ')}; others are passed over`,
  });
}

/** PEM or base64 as it stands in the cell; else the name of a file, from the folder of the CSV. */
async function readCell(cell: string, folder: string): Promise<Pick<ForeignItem, 'certificates' | 'fault'>> {
  if (cell.includes('-----BEGIN')) return { certificates: certificatesIn(Buffer.from(cell)), fault: null };
  if (BASE64.test(cell)) return { certificates: [Buffer.from(cell, 'base64')], fault: null };
  const found = await readCertificates(resolve(folder, cell));
  return 'fault' in found
    ? { certificates: [], fault: `names ${cell}, which ${found.fault}` }
    : { ...found, fault: null };
}

function readRevoked({ status = '', revoked_at: at = '', reason: why = '' }: Cells): Partial<ForeignItem> {
  const word = status.trim().toLowerCase();
  if (NOT_REVOKED.includes(word) && at.trim() === '') return {};
  if (!NOT_REVOKED.includes(word) && word !== 'r' && word !== 'revoked')
    return { fault: `has the status ${status}` };
  const { reason, note } = reasonOf(why);
  const time = at.trim();
  // What Date reads beside RFC 3339 is another day in another country.
  if (time !== '' && (!RFC_3339.test(time) || Number.isNaN(Date.parse(time))))
    return { fault: `is revoked at ${at}, which is not as RFC 3339 has it` };
  return { revoked: { at: time === '' ? null : new Date(time).toISOString(), reason }, note };
}

async function readRecord(cells: Cells, folder: string, origin: string): Promise<ForeignItem> {
  const deviceId = cells.device_id?.trim() || null;
  const said = readRevoked(cells);
  const cell = cells.certificate?.trim() ?? '';
  if (cell === '') return itemAt(origin, { ...said, deviceId, fault: 'has no certificate' });
  const found = await readCell(cell, folder);
  return itemAt(origin, { ...found, ...said, deviceId, fault: said.fault ?? found.fault });
}

function cellsOf(record: Uint8Array, columns: readonly (Column | undefined)[]): Cells {
  const cells = splitCells(Buffer.from(record).toString('utf8'));
  return Object.fromEntries(columns.flatMap((name, i) => (name ? [[name, cells[i] ?? '']] : [])));
}

async function* readRecords(path: string): AsyncGenerator<ForeignItem> {
  let columns: readonly (Column | undefined)[] | undefined;
  let number = 0;
  for await (const records of splitRecords(createReadStream(path))) {
    for (const record of records) {
      number++;
      const origin = `${path} record ${number}`;
      if (record === null) yield itemAt(origin, { fault: 'is too long' });
      else if (!columns) columns = readHeader(splitCells(Buffer.from(record).toString('utf8')), path);
      else yield await readRecord(cellsOf(record, columns), dirname(path), origin);
    }
  }
}

/**
 * A CSV (RFC 4180) whose first line names its columns: `certificate` (PEM, base64 or the name of a file), and beside it
 * `device_id`, `serial`, `status` (V or R), `revoked_at`, `reason`. Rejects with `usage` where it cannot be read.
 */
export async function* readCsv(path: string): AsyncGenerator<ForeignItem> {
  try {
    yield* readRecords(path);
  } catch (failure) {
    if (failure instanceof PkiError)
      throw new LocalFailure('usage', `${path}: ${failure.message}`, { cause: failure });
    throw fileFailure(path, failure);
  }
}
