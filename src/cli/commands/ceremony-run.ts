import {
  type CeremonyInputs,
  type CeremonyTools,
  encodeTranscript,
  FILES,
  hashOf,
  type Mark,
  makeStandIn,
  type Performed,
  performCeremony,
  REHEARSAL_PREFIX,
  readCeremony,
  readInputs,
  type SigningCa,
  signTranscript,
  TRANSCRIPT_FORMAT,
  type Transcript,
} from '../../ceremony/index.ts';
import { systemClock } from '../../clock.ts';
import { makeThrowAwayKey } from '../../keystore/index.ts';
import { readVersion } from '../../package-root.ts';
import { createPolicy } from '../../policy/index.ts';
import { systemRandom } from '../../random.ts';
import {
  type Certificate,
  certificateFingerprint,
  describeKey,
  keyAlgorithmLike,
  parsePublicKey,
} from '../../x509/index.ts';
import { prepareFolder, readFolder, writeFolder } from '../ceremony/folder.ts';
import { type OpenedKey, openCeremonyKey, verifyKeyWish } from '../ceremony/open-key.ts';
import type { PassphraseOptions } from '../ceremony/passphrase.ts';
import { type CeremonyBrief, readCeremonyFile } from '../ceremony/read-file.ts';
import type { Invocation } from '../invocation.ts';
import { LocalFailure } from '../local-failure.ts';
import { sayWarnings, show } from '../output.ts';
import { setupFailure } from '../setup-failure.ts';
import { formatFields } from '../table.ts';

interface RunOptions extends PassphraseOptions {
  readonly out: string;
  readonly rehearse?: true;
}

/** Steps as they are done, each with its time. */
function keepSteps() {
  const steps: Transcript['steps'] = [];
  return {
    steps,
    add: (...done: readonly string[]): void => {
      const at = systemClock.now().toISOString();
      steps.push(...done.map((step) => ({ at, step })));
    },
  };
}
type Steps = ReturnType<typeof keepSteps>;

/** A CA with a throw-away key that does what the real one is to do. */
async function standInFor(brief: CeremonyBrief, { signer }: CeremonyInputs, mark: Mark): Promise<SigningCa> {
  const { ceremony } = brief;
  const algorithm =
    ceremony.ceremony === 'root'
      ? ceremony.key.algorithm
      : keyAlgorithmLike(withSigner(signer).publicKey.key);
  const key = await makeThrowAwayKey(algorithm);
  return { signer: key, certificate: signer && (await makeStandIn(signer, key, mark)), mark };
}

function withSigner(signer: CeremonyInputs['signer']): Certificate {
  if (signer) return signer;
  throw new Error('a ceremony of a CA that is there has its certificate');
}

interface Signed {
  readonly performed: Performed;
  readonly ca: SigningCa;
  readonly key: Transcript['key'];
}

const keyFacts = (
  { signer }: SigningCa,
  place: Transcript['key']['place'],
  made: boolean,
  shares: Transcript['key']['shares'],
): Transcript['key'] => ({ place, made, shares, publicKey: hashOf(signer.publicKey) });

/** The real key comes last: by now everything has been signed once with a throw-away one, and linted. */
async function performWithKey(
  brief: CeremonyBrief,
  inputs: CeremonyInputs,
  { signer, place, shares }: OpenedKey,
  tools: CeremonyTools,
  steps: Steps,
): Promise<Signed> {
  if (inputs.signer && Buffer.compare(inputs.signer.publicKey.spki, signer.publicKey) !== 0)
    throw new LocalFailure('usage', "The key is not that of the signer's certificate.");
  const made = inputs.signer === null;
  const what = describeKey(parsePublicKey(signer.publicKey).key);
  steps.add(
    `${made ? 'made' : 'opened'} the key: ${what}, in a ${place}, SHA-256 ${hashOf(signer.publicKey)}`,
  );
  if (shares)
    steps.add(
      `split its passphrase: ${shares.needed} of ${shares.total} shares give it; they were read back`,
    );
  const ca: SigningCa = { signer, certificate: inputs.signer, mark: null };
  const performed = await performCeremony(brief.ceremony, inputs, ca, tools);
  steps.add(...performed.steps);
  return { performed, ca, key: keyFacts(ca, place, made, shares) };
}

async function writeDown(
  brief: CeremonyBrief,
  { performed, ca, key }: Signed,
  { steps }: Steps,
  startedAt: Date,
  folder: string,
): Promise<void> {
  const { ceremony, hashes } = brief;
  const rehearsal = ca.mark === 'rehearsal';
  const endedAt = systemClock.now();
  const files = new Map<string, Uint8Array>(
    performed.artefacts.map(({ file, content }) => [file, Buffer.from(content)]),
  );
  const content = encodeTranscript({
    format: TRANSCRIPT_FORMAT,
    rehearsal,
    ceremony: ceremony.ceremony,
    title: ceremony.title,
    version: readVersion(),
    custodians: [...ceremony.custodians],
    key,
    inputs: [...hashes],
    outputs: [...files].map(([file, octets]) => ({ file, sha256: hashOf(octets) })),
    steps: [...steps],
    startedAt: startedAt.toISOString(),
    endedAt: endedAt.toISOString(),
  });
  const signing = { signer: ca.signer, certificate: performed.signer };
  const signature = await signTranscript(content, signing, endedAt);
  const prefix = rehearsal ? REHEARSAL_PREFIX : '';
  files.set(`${prefix}${FILES.transcript}`, Buffer.from(content));
  files.set(`${prefix}${FILES.signature}`, signature);
  await writeFolder(folder, files);
}

async function perform(file: string, options: RunOptions, steps: Steps): Promise<Signed> {
  const startedAt = systemClock.now();
  const tools: CeremonyTools = { policy: createPolicy(), random: systemRandom, clock: systemClock };
  // Step 1: read, and refuse what can be refused.
  const brief = await readCeremonyFile(file);
  const inputs = readInputs(brief.ceremony, brief.files, tools.policy, startedAt);
  const isRehearsal = options.rehearse === true;
  if (!isRehearsal) await verifyKeyWish(brief, options);
  await prepareFolder(options.out);
  steps.add('read the ceremony and its inputs');

  // Step 2: do it all with a throw-away key.
  const trial = await standInFor(brief, inputs, isRehearsal ? 'rehearsal' : 'dry');
  const tried = await performCeremony(brief.ceremony, inputs, trial, tools);
  steps.add('signed everything with a throw-away key, linted it and read it back');

  // Step 3: the same with the real key, unless this is a rehearsal.
  const opened = isRehearsal ? null : await openCeremonyKey(brief, options);
  try {
    const signed = opened
      ? await performWithKey(brief, inputs, opened, tools, steps)
      : { performed: tried, ca: trial, key: keyFacts(trial, 'throw-away', inputs.signer === null, null) };

    // Step 4: write it down, signed, and verify what was written.
    await writeDown(brief, signed, steps, startedAt, options.out);
    readCeremony(await readFolder(options.out));
    return signed;
  } finally {
    opened?.close();
  }
}

/** `ceremony run`. */
export async function runCeremony(
  invocation: Invocation,
  file: string,
  options: RunOptions,
): Promise<undefined> {
  const steps = keepSteps();
  try {
    const { performed, ca, key } = await perform(file, options, steps);
    const done = {
      out: options.out,
      rehearsal: ca.mark === 'rehearsal',
      files: performed.artefacts.map((one) => one.file),
      fingerprint: Buffer.from(certificateFingerprint(performed.signer.der)).toString('hex'),
      key: key.publicKey,
      steps: steps.steps,
      warnings: performed.warnings,
    };
    await show(invocation.output, done, (it) =>
      formatFields([
        ...(it.rehearsal
          ? ([['REHEARSAL', 'throw-away keys: nothing of this is to be believed']] as const)
          : []),
        ...it.steps.map(({ at, step }) => [at, step] as const),
        ['written', `${it.files.join(', ')} and the signed transcript, in ${it.out}`],
        ["CA's SHA-256", it.fingerprint],
      ]),
    );
    sayWarnings(invocation.output, performed.warnings);
  } catch (failure) {
    throw setupFailure(failure);
  }
}
