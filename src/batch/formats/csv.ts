import { verifyNoPrivateKey } from '../../enrollment/index.ts';
import { PkiError } from '../../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Line } from '../lines.ts';
import { type RowContent, refusedRow, tooLongRow } from '../row.ts';
import { splitCells } from './csv-cells.ts';
import { splitRecords } from './csv-records.ts';

const PLAIN_COLUMNS = [
  'deviceId',
  'csr',
  'profile',
  'notAfter',
  'supersede',
  'revokeOld',
  'keyAlgorithm',
] as const;
type PlainColumn = (typeof PLAIN_COLUMNS)[number];

/** What a column holds. */
type Column = { readonly field: PlainColumn } | { readonly label: string };

/** As `labels` of a row has its names. */
const LABEL = /^label:([A-Za-z0-9][A-Za-z0-9._-]{0,62})$/;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decodeText(octets: Uint8Array, what: string, code: 'bad-row' | 'bad-lot'): string {
  try {
    return utf8.decode(octets);
  } catch (cause) {
    throw new PkiError(code, `${what} is not UTF-8.`, { cause });
  }
}

/** A name of the client's, as far as a refusal repeats it. */
const quote = (name: string): string => JSON.stringify(name.length > 64 ? `${name.slice(0, 64)}…` : name);

function columnOf(name: string): Column {
  const field = PLAIN_COLUMNS.find((one) => one === name);
  if (field !== undefined) return { field };
  const label = LABEL.exec(name)?.[1];
  if (label !== undefined) return { label };
  throw new PkiError(
    'bad-lot',
    `The CSV has a column that is not known: ${quote(name)}. Known are ${PLAIN_COLUMNS.join(', ')} and label:<name>, with commas between them.`,
  );
}

/** Where the keys of a lot come from: each row brings its own in a CSR, or the CA makes those of rows without one. */
export type KeySource = 'brought' | 'made';

function verifyColumns(names: readonly string[], keys: KeySource): void {
  if (names.length > LIMITS.csvColumns) {
    throw new PkiError('too-large', `A CSV has at most ${LIMITS.csvColumns} columns.`);
  }
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new PkiError('bad-lot', `The CSV has the column ${quote(twice)} twice.`);
  const due = keys === 'made' ? 'deviceId' : 'csr';
  if (!names.includes(due) && !names.includes('csr')) throw noHeader(due);
}

const noHeader = (due: string): PkiError =>
  new PkiError('bad-lot', `The first line of a CSV names its columns, and one of them is ${due}.`);

/** The first record. Refuses `bad-lot`, `too-large`, and `bad-pem` where a private key stands in it. */
function readHeader(octets: Line, keys: KeySource): readonly Column[] {
  if (octets === null) {
    throw new PkiError('too-large', `The CSV's header has more than ${LIMITS.rowOctets} octets.`);
  }
  const text = decodeText(octets, "The CSV's header", 'bad-lot').replace(/^\uFEFF/, '');
  verifyNoPrivateKey(text);
  const names = splitHeader(text);
  const columns = names.map(columnOf);
  verifyColumns(names, keys);
  return columns;
}

function splitHeader(text: string): readonly string[] {
  try {
    return splitCells(text);
  } catch (cause) {
    if (!(cause instanceof PkiError)) throw cause;
    throw new PkiError('bad-lot', `The CSV's header cannot be read. ${cause.message}`, { cause });
  }
}

/** What the first record said, and where keys come from. */
interface Header {
  readonly columns: readonly Column[];
  readonly keys: KeySource;
}

type Fields = Partial<Record<PlainColumn, string>>;

/** The row as the JSON that a line of NDJSON would be, which is judged where those are. Empty cells are absent. */
function encodeLine(
  { supersede, revokeOld, ...fields }: Fields,
  labels: Readonly<Record<string, string>>,
): Uint8Array {
  const row = {
    ...fields,
    ...(supersede === undefined ? {} : { supersede: { reason: supersede, revokeOld } }),
    ...(Object.keys(labels).length === 0 ? {} : { labels }),
  };
  return Buffer.from(JSON.stringify(row), 'utf8');
}

function judgeRow({ columns, keys }: Header, cells: readonly string[]): RowContent {
  if (cells.length !== columns.length) {
    const message = `The row has ${cells.length} cells where the header has ${columns.length}.`;
    return refusedRow(new PkiError('bad-row', message));
  }
  const filled = columns.flatMap((column, i) => {
    const cell = cells[i] ?? '';
    return cell === '' ? [] : [{ column, cell }];
  });
  const fields: Fields = Object.fromEntries(
    filled.flatMap(({ column, cell }) => ('field' in column ? [[column.field, cell]] : [])),
  );
  // fromEntries defines properties, so a label called constructor is a name like any other.
  const labels = Object.fromEntries(
    filled.flatMap(({ column, cell }) => ('label' in column ? [[column.label, cell]] : [])),
  );
  const deviceId = fields.deviceId ?? null;
  if (fields.csr === undefined && keys === 'brought') {
    return refusedRow(new PkiError('bad-row', 'The row has no csr.'), deviceId);
  }
  return { input: { form: 'line', octets: encodeLine(fields, labels) }, deviceId };
}

function readRecord(header: Header, octets: Line): RowContent {
  if (octets === null) return tooLongRow();
  try {
    const text = decodeText(octets, 'The row', 'bad-row');
    // Before anything of it is kept, as of any row.
    verifyNoPrivateKey(text);
    return judgeRow(header, splitCells(text));
  } catch (refusal) {
    if (refusal instanceof PkiError) return refusedRow(refusal);
    throw refusal;
  }
}

/**
 * A lot as CSV (RFC 4180, UTF-8, commas) whose first line names the columns: `csr` (PEM, or DER in
 * base64) and, as wanted, `deviceId`, `profile`, `notAfter`, `supersede` (the reason), `revokeOld` and `label:<name>`.
 * Where keys are made, a row without `csr` asks for one: it has `deviceId`, and `keyAlgorithm` as wanted.
 * Refuses `bad-lot` and `too-large` where header or quoting are at fault; a bad row is refused alone.
 */
export async function* readCsv(
  source: AsyncIterable<Uint8Array>,
  keys: KeySource = 'brought',
): AsyncGenerator<readonly RowContent[]> {
  let header: Header | undefined;
  for await (const records of splitRecords(source)) {
    const rest = header === undefined ? records.slice(1) : records;
    header ??= { columns: readHeader(records[0] ?? null, keys), keys };
    const known = header;
    if (rest.length > 0) yield rest.map((record) => readRecord(known, record));
  }
  if (header === undefined) throw noHeader(keys === 'made' ? 'deviceId' : 'csr');
}
