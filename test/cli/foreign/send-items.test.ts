import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import type { ApiCall, Client } from '../../../src/cli/client/client.ts';
import { type ForeignItem, itemAt, MAX_CERTIFICATE_OCTETS } from '../../../src/cli/foreign/item.ts';
import { type Remark, sendItems } from '../../../src/cli/foreign/send-items.ts';

const folder = mkdtempSync(join(tmpdir(), 'fleetca-items-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function certificateOf(name: string): Uint8Array {
  const file = join(folder, `${name}.der`);
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', '/dev/null'];
  const args = ['req', '-x509', ...key, '-subj', `/CN=${name}`, '-outform', 'DER', '-out', file];
  execFileSync('openssl', args, { stdio: 'ignore' });
  return readFileSync(file);
}
const ca = certificateOf('line');
const device = certificateOf('device-7');
const other = certificateOf('gateway-7');

/** Takes every row, and keeps it. */
function makeClient() {
  const rows: { readonly certificate: string; readonly deviceId?: string }[] = [];
  const client: Client = {
    send: async ({ body }: ApiCall) => {
      const lines = String(body).trim().split('\n');
      rows.push(...lines.map((line) => JSON.parse(line)));
      const row = { status: 'imported', deviceId: null, serial: null, revoked: false, warnings: [] };
      return { rows: lines.map(() => row) } as unknown as IncomingMessage;
    },
    async *read(answer) {
      yield Buffer.from(JSON.stringify(answer));
    },
  };
  return { client, rows };
}

async function send(items: readonly ForeignItem[], pattern: RegExp | null = null) {
  const { client, rows } = makeClient();
  const remarks: Remark[] = [];
  const counts = await sendItems(
    (async function* () {
      yield* items;
    })(),
    {
      client,
      path: '/v1/fleets/demo',
      query: {},
      authorities: new Set([createHash('sha256').update(ca).digest('hex')]),
      pattern,
      remark: async (remark) => {
        remarks.push(remark);
      },
      progress: () => undefined,
    },
  );
  return { counts, rows, remarks };
}

it('of a chain that begins with a CA of the fleet the device’s certificate is sent', async () => {
  const { counts, rows } = await send([
    itemAt('chain', { certificates: [ca, device] }),
    itemAt('ca', { certificates: [ca] }),
  ]);
  expect(rows.map(({ certificate }) => Buffer.from(certificate, 'base64'))).toEqual([Buffer.from(device)]);
  expect(counts).toMatchObject({ entries: 2, imported: 1, authorities: 1, refused: 0 });
});

it('a name that the pattern does not fit is refused, and is not taken whole', async () => {
  const items = [device, other].map((der, i) => itemAt(`file ${i}`, { certificates: [der] }));
  const { counts, rows, remarks } = await send(items, /^device-([0-9]+)$/);
  expect(rows.map(({ deviceId }) => deviceId)).toEqual(['7']);
  expect(counts).toMatchObject({ imported: 1, refused: 1 });
  expect(remarks).toMatchObject([{ origin: 'file 1', code: 'bad-row', status: 'refused' }]);
  expect(remarks[0]?.says).toContain('gateway-7');
});

it('what is longer than a certificate is refused by itself, and the others go on', async () => {
  const long = new Uint8Array(MAX_CERTIFICATE_OCTETS + 1);
  const { counts, rows } = await send([
    itemAt('long', { certificates: [long] }),
    itemAt('device', { certificates: [device] }),
  ]);
  expect(rows).toHaveLength(1);
  expect(counts).toMatchObject({ imported: 1, refused: 1 });
});
