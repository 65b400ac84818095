/** Two offline roots that certify each other in ceremonies: OpenSSL, which holds one of them, takes what stands under the other. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Signer } from '../../src/ca/index.ts';
import { type CeremonyFiles, FILES } from '../../src/ceremony/index.ts';
import { makeThrowAwayKey } from '../../src/keystore/index.ts';
import { holdCeremony, SIGNER } from '../support/hold-ceremony.ts';
import { memoryCa } from '../support/memory-ca.ts';
import { opensslFolder } from '../support/openssl.ts';

const world = memoryCa({ now: new Date().toISOString() });
const openssl = opensslFolder();
const { run, attempt, write, read } = openssl;
afterAll(async () => {
  openssl.remove();
  await world.close();
});

const out = (files: CeremonyFiles, file: string): string =>
  Buffer.from(files.get(file) ?? []).toString('latin1');

beforeAll(async () => {
  const keys: Signer[] = [await makeThrowAwayKey('ec-p256'), await makeThrowAwayKey('rsa-3072')];
  const names = ['first', 'second'] as const;
  for (const [i, name] of names.entries()) {
    const key = { algorithm: i === 0 ? 'ec-p256' : 'rsa-3072', file: `keys/${name}.pem` };
    const made = await holdCeremony(
      world.ca,
      { ceremony: 'root', key, certificate: { commonName: `Demo Root ${name}` } },
      keys[i] as Signer,
    );
    write(`${name}.crt`, out(made, FILES.root));
  }
  for (const [i, name] of names.entries()) {
    const [signer, other] = [keys[i] as Signer, names[1 - i] as string];
    const given = { certificate: read(`${name}.crt`) };
    const crossed = await holdCeremony(
      world.ca,
      { ceremony: 'cross', signer: SIGNER, subject: 'other.crt' },
      signer,
      {
        ...given,
        subject: read(`${other}.crt`),
      },
    );
    write(`${other}-by-${name}.crt`, out(crossed, FILES.cross));
    run(
      'req',
      '-new',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      'line.key',
      '-subj',
      `/CN=line of ${name}`,
      '-out',
      'line.csr',
    );
    const issued = await holdCeremony(
      world.ca,
      { ceremony: 'issuing', signer: SIGNER, request: 'line.csr', certificate: {} },
      signer,
      {
        ...given,
        request: read('line.csr'),
      },
    );
    write(`line-of-${name}.crt`, out(issued, FILES.issuing));
  }
});

const judge = (held: string, untrusted: readonly string[], certificate: string) =>
  attempt(
    'verify',
    '-x509_strict',
    '-no-CApath',
    '-no-CAstore',
    '-CAfile',
    `${held}.crt`,
    ...untrusted.flatMap((one) => ['-untrusted', `${one}.crt`]),
    `${certificate}.crt`,
  );

describe.each([
  ['first', 'second'],
  ['second', 'first'],
])('with the %s root', (held, other) => {
  it('takes what stands under the other by the certificate of the other by this one', () => {
    expect(judge(held, [`${other}-by-${held}`], `line-of-${other}`)).toMatchObject({ status: 0 });
  });

  it('takes what stands under this one without', () => {
    expect(judge(held, [], `line-of-${held}`)).toMatchObject({ status: 0 });
  });

  it('refuses the other without it, and by the one that leads the other way', () => {
    for (const untrusted of [[], [`${held}-by-${other}`], [other]])
      expect(judge(held, untrusted, `line-of-${other}`).status, untrusted.join()).not.toBe(0);
  });
});
