import {
  gunzip,
  type IdSource,
  type KeySource,
  LIMITS,
  type RowSource,
  readLot,
  readZip,
  type StreamForm,
} from '../batch/index.ts';
import { PkiError } from '../errors.ts';
import { readOctets } from './body.ts';
import type { Call } from './edge.ts';
import { codedMediaTypeOf } from './media-type.ts';
import type { SpooledFile } from './spool.ts';

const FORM_OF = {
  'application/x-ndjson': 'ndjson',
  'application/jsonl': 'ndjson',
  'text/csv': 'csv',
  'application/zip': 'zip',
  'application/x-tar': 'tar',
  'application/gzip': 'tar-gz',
  'application/x-gtar': 'tar-gz',
} as const satisfies Readonly<Record<string, StreamForm | 'zip'>>;

type LotType = keyof typeof FORM_OF;
const TYPES = Object.keys(FORM_OF) as readonly LotType[];
/** The others are compressed as they are. */
const COMPRESSIBLE: readonly LotType[] = [
  'application/x-ndjson',
  'application/jsonl',
  'text/csv',
  'application/x-tar',
];

/** How the upload of a call is written. */
export interface LotForm {
  readonly form: StreamForm | 'zip';
  readonly isGzip: boolean;
  readonly ids: IdSource;
}

/** What the call says of its lot. Refuses `unsupported-media-type`, and `bad-request` for `ids` of what has no file names. */
export function lotFormOf({ req }: Call, ids: IdSource | undefined): LotForm {
  const { type, isGzip } = codedMediaTypeOf(req, TYPES, COMPRESSIBLE);
  const form = FORM_OF[type];
  if (ids !== undefined && (form === 'ndjson' || form === 'csv')) {
    throw new PkiError(
      'bad-request',
      'ids belongs to archives: a row of NDJSON or CSV names its device itself.',
    );
  }
  return { form, isGzip, ids: ids ?? 'cn' };
}

/** Reads the rows and lets the file go after the last, or wherever the reading ends. */
async function* thenClose(rows: RowSource, file: SpooledFile): RowSource {
  try {
    yield* rows;
  } finally {
    await file.close();
  }
}

async function openSpooled(call: Call, ids: IdSource): Promise<LotIntake> {
  if (Number(call.req.headers['content-length'] ?? 0) > LIMITS.zipOctets) {
    throw new PkiError(
      'too-large',
      `A zip has at most ${LIMITS.zipOctets} octets. A tar may be of any size.`,
    );
  }
  const file = await call.edge.spool.take(readOctets(call));
  try {
    return { rows: thenClose(await readZip(file, ids), file), abandon: () => file.close() };
  } catch (failure) {
    await file.close();
    throw failure;
  }
}

/** The rows of an upload, and what to do where nobody will read them. */
export interface LotIntake {
  readonly rows: RowSource;
  abandon(): Promise<void>;
}

/**
 * The rows of the upload as they come. A zip is taken whole first, and its directory looked through:
 * then it rejects with what is wrong with it as a whole.
 */
export async function openIntake(
  call: Call,
  { form, isGzip, ids }: LotForm,
  keys: KeySource,
): Promise<LotIntake> {
  if (form === 'zip') return openSpooled(call, ids);
  const octets = readOctets(call);
  const plain = isGzip ? gunzip(octets) : octets;
  return { rows: readLot(form, plain, ids, keys), abandon: () => Promise.resolve() };
}
