import { createReadStream, existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileFailure } from '../local-failure.ts';
import { type ForeignItem, itemAt, readCertificates, reasonOf } from './item.ts';

/** `YYMMDDHHMMSSZ`, or with four digits of the year, as `openssl ca` writes times. */
const TIME = /^(\d{2}|\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/;

/** RFC 3339; null where it is no time. */
function readTime(text: string): string | null {
  const [, year = '', ...rest] = TIME.exec(text) ?? [];
  if (year === '') return null;
  // RFC 5280, 4.1.2.5.1: two digits from 50 on are of the last century.
  const full = year.length === 4 ? year : `${Number(year) >= 50 ? '19' : '20'}${year}`;
  const [month, day, hour, minute, second] = rest;
  const text3339 = `${full}-${month}-${day}T${hour}:${minute}:${second}Z`;
  // Digits alone are no day: a 31st of February would become another.
  const time = new Date(text3339);
  const isReal = !Number.isNaN(time.getTime()) && time.toISOString().startsWith(text3339.slice(0, -1));
  return isReal ? text3339 : null;
}

type Revoked = Pick<ForeignItem, 'revoked' | 'note' | 'fault'>;

/** The third column: when, and after a comma why. A hold is its reason, and what it instructs comes after that. */
function readRevoked(text: string): Revoked {
  const [when = '', why = ''] = text.split(',');
  const at = readTime(when);
  if (at === null) return { revoked: null, note: null, fault: `is revoked at ${when || 'no time'}` };
  const { reason, note } = reasonOf(why);
  return { revoked: { at, reason }, note, fault: null };
}

async function readBySerial(folder: string, serial: string): ReturnType<typeof readCertificates> {
  const [upper, lower] = [serial, serial.toLowerCase()].map((name) => join('newcerts', `${name}.pem`));
  const file = [upper, lower].find((name) => name !== undefined && existsSync(join(folder, name))) ?? upper;
  const found = await readCertificates(join(folder, file ?? ''));
  return 'fault' in found ? { fault: `has no certificate: ${file} ${found.fault}` } : found;
}

async function readLine(folder: string, line: string, number: number): Promise<ForeignItem> {
  // Status, end, revocation, serial, file ("unknown" as a rule), subject.
  const [status = '', , revocation = '', serial = ''] = line.split('\t');
  const origin = `index.txt line ${number} (serial ${serial || '?'})`;
  if (!/^[VRE]$/.test(status) || !/^[0-9A-Fa-f]{1,42}$/.test(serial))
    return itemAt(origin, { fault: 'is not a line of index.txt' });
  const said: Partial<Revoked> = status === 'R' ? readRevoked(revocation) : {};
  const found = await readBySerial(folder, serial);
  // What is wrong with the line comes first.
  return itemAt(origin, { ...found, ...said, fault: said.fault ?? ('fault' in found ? found.fault : null) });
}

/**
 * The database of `openssl ca`: `index.txt`, and the certificates in `newcerts`. Rejects with `usage` where it cannot be read.
 */
export async function* readIndex(folder: string): AsyncGenerator<ForeignItem> {
  try {
    let number = 0;
    for await (const line of createInterface(createReadStream(join(folder, 'index.txt')))) {
      number++;
      if (line !== '') yield await readLine(folder, line, number);
    }
  } catch (failure) {
    throw fileFailure(join(folder, 'index.txt'), failure);
  }
}
