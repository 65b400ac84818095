import { createReadStream } from 'node:fs';
import { type Client, withClient } from '../client/client.ts';
import { callJson, parseAnswer, postJson, readWhole } from '../client/json.ts';
import { readTextFile } from '../files.ts';
import type { Invocation } from '../invocation.ts';
import { fileFailure } from '../local-failure.ts';
import { show } from '../output.ts';
import { formatFields, formatTable } from '../table.ts';

interface Publisher {
  readonly fleet: string;
  readonly authority: string;
  readonly generation: number;
  readonly lastNumber: number;
  readonly taken: { readonly number: number | null; readonly thisUpdate: string } | null;
}

interface Restoration {
  readonly state: 'none' | 'unsettled' | 'settled';
  readonly copiedAt: string | null;
  readonly restoredAt: string | null;
  readonly lastEntry: number | null;
  readonly settledAt: string | null;
  readonly authorities: readonly Publisher[];
}

interface TakenCrl {
  readonly fleet: string;
  readonly authority: string;
  readonly generation: number;
  readonly number: number | null;
  readonly thisUpdate: string;
  readonly revoked: number;
  readonly revokedBefore: number;
  readonly unknown: number;
}

interface Wish {
  readonly reason: string;
  readonly crl?: readonly string[];
  readonly results?: readonly string[];
  readonly withoutCrls?: true;
}

/** A certificate of a lot's results that this service does not know. */
interface Unknown {
  readonly file: string;
  readonly deviceId: string;
  readonly serial: string;
}

function restorationLines({ state, authorities, ...restoration }: Restoration): string {
  const fields = formatFields([
    ['state', state],
    ['copy made', restoration.copiedAt ?? '-'],
    ['put back', restoration.restoredAt ?? '-'],
    ['last entry', restoration.lastEntry ?? '-'],
    ['settled', restoration.settledAt ?? '-'],
  ]);
  if (authorities.length === 0) return fields;
  const table = formatTable(
    ['FLEET', 'AUTHORITY', 'GENERATION', 'LAST CRL NUMBER', 'TAKEN IN SINCE'],
    authorities.map((one) => [
      one.fleet,
      one.authority,
      one.generation,
      one.lastNumber,
      one.taken ? `${one.taken.number ?? 'without a number'}, of ${one.taken.thisUpdate}` : 'none',
    ]),
  );
  return `${fields}\n${table}`;
}

/** `backup status`. */
export async function showRestoration(invocation: Invocation): Promise<undefined> {
  const found = await withClient(invocation, (client) =>
    callJson<Restoration>(client, { method: 'GET', path: '/v1/restoration' }),
  );
  await show(invocation.output, found, restorationLines);
}

async function* octetsOf(path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(path);
  } catch (failure) {
    throw fileFailure(path, failure);
  }
}

/** Sends the CRLs of a file. */
export async function takeFile(client: Client, path: string): Promise<readonly TakenCrl[]> {
  const isPem = (await readTextFile(path)).startsWith('-----BEGIN');
  const answer = await client.send({
    method: 'POST',
    path: '/v1/crls',
    headers: {
      Accept: 'application/json',
      'Content-Type': isPem ? 'application/x-pem-file' : 'application/pkix-crl',
    },
    body: octetsOf(path),
  });
  const text = (await readWhole(client, answer)).toString('utf8');
  return parseAnswer<{ crls: readonly TakenCrl[] }>(text).crls;
}

interface Row {
  readonly deviceId?: unknown;
  readonly serial?: unknown;
}

function rowOf(line: string): Row {
  try {
    return JSON.parse(line) as Row;
  } catch {
    return {};
  }
}

/** Certificates that a lot's results name, and that are not on record. */
async function unknownIn(client: Client, file: string): Promise<readonly Unknown[]> {
  const unknown: Unknown[] = [];
  for (const line of (await readTextFile(file)).split('\n')) {
    const { deviceId, serial } = rowOf(line);
    if (typeof serial !== 'string' || !/^[0-9a-f]{2,40}$/.test(serial)) continue;
    const path = `/v1/certificates/${serial}`;
    const known = await callJson(client, { method: 'GET', path }).then(
      () => true,
      (failure: unknown) => {
        if ((failure as { code?: unknown }).code === 'not-found') return false;
        throw failure;
      },
    );
    if (!known) unknown.push({ file, deviceId: String(deviceId ?? ''), serial });
  }
  return unknown;
}

export const takenTable = (taken: readonly TakenCrl[]): string =>
  taken.length === 0
    ? ''
    : `${formatTable(
        ['FLEET', 'AUTHORITY', 'GENERATION', 'NUMBER', 'REVOKED', 'BEFORE', 'UNKNOWN'],
        taken.map((one) => [
          one.fleet,
          one.authority,
          one.generation,
          one.number,
          one.revoked,
          one.revokedBefore,
          one.unknown,
        ]),
      )}\n`;

const unknownTable = (unknown: readonly Unknown[]): string =>
  unknown.length === 0
    ? ''
    : `${formatTable(
        ['NOT ON RECORD', 'SERIAL', 'FILE'],
        unknown.map((one) => [one.deviceId, one.serial, one.file]),
      )}\n`;

/** `backup settle`: takes in what is known from elsewhere, then lets the service sign again. */
export async function settle(
  invocation: Invocation,
  { reason, crl = [], results = [], withoutCrls }: Wish,
): Promise<undefined> {
  const done = await withClient(invocation, async (client) => {
    const taken: TakenCrl[] = [];
    for (const path of crl) taken.push(...(await takeFile(client, path)));
    const unknown: Unknown[] = [];
    for (const path of results) unknown.push(...(await unknownIn(client, path)));
    const restoration = await callJson<Restoration>(
      client,
      postJson('/v1/restoration/settle', { reason, withoutCrls }),
    );
    return { taken, unknown, restoration };
  });
  await show(invocation.output, done, ({ taken, unknown, restoration }) =>
    [takenTable(taken), unknownTable(unknown), restorationLines(restoration)].join(''),
  );
}
