import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkBundle, type GivenFile } from '../../src/check/index.ts';
import { parseForeignCertificate } from '../../src/x509/index.ts';
import { NOW, pem } from './certify.ts';
import { bundle, device, direct, root } from './world.ts';

const trust = [parseForeignCertificate(root.der)];
const judge = (files: readonly GivenFile[]) =>
  checkBundle({ files, target: 'generic', trust, passphrase: '', now: NOW }).report;

const ORIGINAL = bundle({ 'client.pem': direct.der, 'other.der': device.der, 'fleet.pem': pem(root) });

describe('a check of damaged files', () => {
  it('comes to a verdict whatever octet of whatever file was changed', () => {
    fc.assert(
      fc.property(
        fc.nat(ORIGINAL.length - 1),
        fc.nat(2000),
        fc.integer({ min: 1, max: 255 }),
        (which, at, by) => {
          const files = ORIGINAL.map((file, i) => {
            if (i !== which || file.content.length === 0) return file;
            const content = Uint8Array.from(file.content);
            const place = at % content.length;
            content[place] = (content[place] ?? 0) ^ by;
            return { ...file, content };
          });
          expect(['pass', 'fail']).toContain(judge(files).verdict);
        },
      ),
      { numRuns: 120 },
    );
  });

  it('comes to a verdict on octets of any kind, under each name', () => {
    fc.assert(
      fc.property(fc.nat(ORIGINAL.length - 1), fc.uint8Array({ maxLength: 300 }), (which, content) => {
        const files = ORIGINAL.map((file, i) => (i === which ? { ...file, content } : file));
        expect(['pass', 'fail']).toContain(judge(files).verdict);
      }),
      { numRuns: 60 },
    );
  });
});
