/** Ceremonies with keys in memory. */
import type { CaContext, Signer } from '../../src/ca/index.ts';
import {
  type CeremonyFiles,
  type CeremonyInputs,
  encodeTranscript,
  FILES,
  fitCeremony,
  hashOf,
  performCeremony,
  readInputs,
  signTranscript,
  TRANSCRIPT_FORMAT,
} from '../../src/ceremony/index.ts';

const COMMON = { title: 'a ceremony', custodians: ['Ada'], target: 'generic' };
/** The CA that signs, as a file of a ceremony names it. */
export const SIGNER = { certificate: 'root.crt', key: { file: 'keys/root.pem' } };

/** Holds a ceremony, and gives the files that it leaves. */
export async function holdCeremony(
  ca: CaContext,
  settings: Record<string, unknown>,
  signer: Signer,
  given: Readonly<Record<string, string>> = {},
): Promise<CeremonyFiles> {
  const fitted = fitCeremony({ ...COMMON, ...settings });
  if (!('ceremony' in fitted)) throw new Error(JSON.stringify(fitted.violations));
  const { ceremony } = fitted;
  const files = Object.fromEntries(Object.entries(given).map(([name, text]) => [name, Buffer.from(text)]));
  const inputs: CeremonyInputs = readInputs(ceremony, files, ca.policy, ca.clock.now());
  const { artefacts, signer: certificate } = await performCeremony(
    ceremony,
    inputs,
    { signer, certificate: inputs.signer, mark: null },
    ca,
  );
  const made = new Map<string, Uint8Array>(
    artefacts.map(({ file, content }) => [file, Buffer.from(content)]),
  );
  const at = ca.clock.now().toISOString();
  const transcript = encodeTranscript({
    format: TRANSCRIPT_FORMAT,
    rehearsal: false,
    ceremony: ceremony.ceremony,
    title: ceremony.title,
    version: '0.1.0',
    custodians: [...ceremony.custodians],
    key: { place: 'file', publicKey: hashOf(signer.publicKey), made: inputs.signer === null, shares: null },
    inputs: [],
    outputs: [...made].map(([file, octets]) => ({ file, sha256: hashOf(octets) })),
    steps: [],
    startedAt: at,
    endedAt: at,
  });
  made.set(FILES.transcript, Buffer.from(transcript));
  made.set(FILES.signature, await signTranscript(transcript, { signer, certificate }, ca.clock.now()));
  return made;
}
