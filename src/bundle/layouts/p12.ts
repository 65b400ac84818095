import { encodePkcs12 } from '../../x509/index.ts';
import { chainPem, sent } from '../certificates.ts';
import { purposesSaid } from '../device-checks.ts';
import { SCRIPT, SECRET } from '../files.ts';
import type { BundleContent, Layout } from '../layout.ts';
import { p12Script } from '../p12-script.ts';

/**
 * As the tools read it that use no passphrase (every old and new stack), or as one protects a key today
 * where there is a passphrase to protect it with.
 */
function pkcs12(bundle: BundleContent): Uint8Array {
  const { key, deviceId } = bundle;
  if (key.kind !== 'clear') throw new Error('a PKCS#12 file has no key');
  const { passphrase, random, pkcs8 } = key;
  const certificates = sent(bundle).map(({ der }) => der);
  return encodePkcs12(
    { privateKey: pkcs8, certificates, friendlyName: deviceId },
    { passphrase, protection: passphrase === '' ? 'pbe-sha1-3des' : 'pbes2-aes256', random },
  );
}

const isClear = ({ key }: BundleContent): boolean => key.kind === 'clear';
const isEnvelope = ({ key }: BundleContent): boolean => key.kind === 'envelope';

/** One file with key, leaf and intermediates; or what makes it, for whoever can open the key's envelope. */
export const p12Layout: Layout = {
  name: 'p12',
  folder: '',
  needs: [],
  madeKey: 'due',
  entries: [
    { name: '<id>.p12', mode: SECRET, when: isClear, content: pkcs12 },
    {
      name: '<id>.key.cms',
      mode: SECRET,
      when: isEnvelope,
      content: ({ key }) => (key.kind === 'envelope' ? key.pem : ''),
    },
    { name: '<id>.chain.pem', mode: SECRET, when: isEnvelope, content: chainPem },
    {
      name: '<id>.make-p12.sh',
      mode: SCRIPT,
      when: isEnvelope,
      content: ({ folder, deviceId }) => p12Script(folder, deviceId),
    },
  ],
  shared: [],
  lineChecks: [],
  deviceChecks: [purposesSaid],
};
