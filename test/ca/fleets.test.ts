import { afterAll, describe, expect, it } from 'vitest';
import { encodePem } from '../../src/asn1/index.ts';
import { createFleet, type FleetWish } from '../../src/ca/index.ts';
import { encodeCertificatePem } from '../../src/x509/index.ts';
import { makeKey } from '../support/csr.ts';
import { hierarchy } from '../support/hierarchy.ts';
import { memoryCa } from '../support/memory-ca.ts';
import { codeOfPromise, refusalOfPromise } from '../support/refusal.ts';

const world = memoryCa();
afterAll(() => world.close());

const { authority } = hierarchy(world.clock.now());
const gateway = (await authority('generic', 'fleet-root', 'gateway')).certificate.der;
const ended = (await hierarchy(new Date('2010-01-01T00:00:00Z')).authority('generic', 'fleet-root', 'old'))
  .certificate.der;
const pem = encodeCertificatePem(gateway);

let fleets = 0;
const create = (more: Partial<FleetWish> = {}) =>
  createFleet(world.ca, world.act(), {
    name: `fleet-${fleets++}`,
    target: 'generic',
    gatewayUrl: null,
    gatewayRoot: null,
    ...more,
  });

describe('a fleet', () => {
  it('is there when the promise resolves, and its name is taken from then on', async () => {
    const fleet = await create({ name: 'demo' });
    expect(await world.store.findFleet('demo')).toEqual(fleet);
    expect(await codeOfPromise(create({ name: 'demo' }))).toBe('already-exists');
  });

  it('that cannot be created names every field that is wrong, and leaves nothing behind', async () => {
    const refusal = await refusalOfPromise(
      create({ name: 'wrong', gatewayUrl: 'http://gateway', gatewayRoot: 'nothing' }),
    );
    expect(refusal?.code).toBe('bad-request');
    expect(refusal?.violations.map(({ at }) => at)).toEqual(['/gatewayUrl', '/gatewayRoot']);
    expect(await world.store.findFleet('wrong')).toBeUndefined();
  });
});

describe("the gateway's URL", () => {
  for (const gatewayUrl of [
    'https://gateway.example',
    'https://gateway.example:8443',
    'https://gateway.example:443',
    'https://Gateway.Example',
    'https://192.0.2.7:30443',
    'https://[2001:db8::7]:8443',
    'https://localhost:8443',
    'https://xn--bcher-kva.example',
  ]) {
    it(`may be ${gatewayUrl}, and is kept to the letter`, async () => {
      expect((await create({ gatewayUrl })).gatewayUrl).toBe(gatewayUrl);
    });
  }

  for (const gatewayUrl of [
    '',
    'gateway.example',
    'gateway.example:8443',
    'http://gateway.example',
    'ftp://gateway.example',
    'https:gateway.example',
    'https:/gateway.example',
    'https:///gateway.example',
    'https:\\\\gateway.example',
    'https://',
    'https://gateway.example/',
    'https://gateway.example/path',
    'https://gateway.example/.',
    'https://gateway.example/a/..',
    'https://gateway.example\\',
    'https://gateway.example?',
    'https://gateway.example?a=b',
    'https://gateway.example#',
    'https://gateway.example#a',
    'https://user@gateway.example',
    'https://user:secret@gateway.example',
    'https://@gateway.example',
    'https://gateway.example:',
    'https://gateway.example:0443',
    'https://gateway.example:70000',
    'https://gateway.example\n',
    ' https://gateway.example',
    'https://gate way.example',
    'https://gate\tway.example',
    '\u0001https://gateway.example',
    'https://gateway.example\0',
    'https://g%61teway.example',
    'https://bücher.example',
    'https://127.1',
  ]) {
    it(`may not be ${JSON.stringify(gatewayUrl)}`, async () => {
      expect(await codeOfPromise(create({ gatewayUrl }))).toBe('bad-request');
    });
  }

  it('that holds credentials is refused without saying them again', async () => {
    const refusal = await refusalOfPromise(create({ gatewayUrl: 'https://user:hunter2@gateway.example' }));
    expect(`${refusal?.message} ${JSON.stringify([refusal?.violations, refusal?.facts])}`).not.toContain(
      'hunter2',
    );
  });
});

describe("the gateway's root", () => {
  it('may be one certificate or several, and is kept as plain PEM', async () => {
    const given = `subject=CN = gateway\r\n${pem.replaceAll('\n', '\r\n')}\nand another\n${pem}`;
    expect((await create({ gatewayRoot: given })).gatewayRoot).toBe(pem + pem);
  });

  const wrong: Record<string, string> = {
    'an empty text': '',
    'a text without PEM': 'see https://gateway.example/root.pem',
    'a private key': makeKey().pkcs8Pem,
    'a certificate and its private key': pem + makeKey().pkcs8Pem,
    'a public key': encodePem('PUBLIC KEY', makeKey().spki),
    'a certificate that is cut off': pem.slice(0, -40),
    'something else under the label of a certificate': encodePem('CERTIFICATE', makeKey().spki),
    'a certificate with octets after its end': encodePem(
      'CERTIFICATE',
      Buffer.concat([gateway, Buffer.of(0)]),
    ),
    'two certificates in one block': encodePem('CERTIFICATE', Buffer.concat([gateway, gateway])),
    'PEM inside PEM': encodePem('CERTIFICATE', Buffer.from(pem)),
    'a certificate that has expired': encodeCertificatePem(ended),
    'one that has expired among others': pem + encodeCertificatePem(ended),
  };
  for (const [what, gatewayRoot] of Object.entries(wrong)) {
    it(`may not be ${what}`, async () => {
      const refusal = await refusalOfPromise(create({ gatewayRoot }));
      expect(refusal?.code).toBe('bad-request');
      expect(refusal?.violations.map(({ at }) => at)).toEqual(['/gatewayRoot']);
    });
  }
});
