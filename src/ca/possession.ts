import type { KeyMaker } from '../enrollment/index.ts';
import { PkiError } from '../errors.ts';
import { POSSESSION_CODE, POSSESSION_PROFILE, planDeviceCertificate, prepareTbs } from '../policy/index.ts';
import { assembleCsr, encodeCsrInfo, parsePublicKey, sha256 } from '../x509/index.ts';
import type { CaContext } from './context.ts';
import { generationCertificate, issuerFor } from './issuer.ts';
import type { Act, Fleet, Generation } from './ledger-records.ts';
import { mintSerial } from './serial.ts';
import type { PossessionIntent, Server, ServerKind } from './server-ports.ts';
import { signAndVerify, signWith } from './sign-with.ts';

/** What shows a server that we have the key of a root: DER. */
export interface Possession {
  readonly form: PossessionIntent['form'];
  readonly der: Uint8Array;
  readonly root: Generation;
}

/** What each kind of server takes; null: it is handed the certificate alone. */
const FORM_OF: Readonly<Record<ServerKind, PossessionIntent['form'] | null>> = {
  'ota-connect': 'request',
  'ota-ce': null,
  'aws-iot': 'certificate',
  'azure-dps': 'certificate',
};

/** The root that a server is told of. Refuses `authority-not-active`. */
export function activeRoot(fleet: Fleet, generations: readonly Generation[]): Generation {
  const root = generations.find(({ kind, state }) => kind === 'root' && state === 'active');
  if (root) return root;
  throw new PkiError('authority-not-active', `The fleet ${fleet.name} has no active root.`);
}

/** A code is what the server chose: it stands where we say, between octets of ours. */
function verifyCode(form: PossessionIntent['form'], code: string | null): void {
  if (code === null && form === 'request') return;
  if (code !== null && POSSESSION_CODE.test(code)) return;
  throw new PkiError(
    'bad-request',
    "The code that the server gave is needed: 1 to 64 letters, digits, spaces or any of '()+,./:=?_-.",
  );
}

type Step = (
  ca: CaContext,
  act: Act,
  server: Server,
  root: Generation,
  code: string | null,
) => Promise<Uint8Array>;

/** PKCS#10 under the root's own key and name, with the code as challengePassword. */
const proveByRequest: Step = async (ca, act, server, root, code) => {
  const { subject, publicKey } = generationCertificate(root);
  const signer = await ca.keystore.open(root.keyId);
  const info = encodeCsrInfo({
    subject: subject.der,
    publicKey: publicKey.spki,
    ...(code === null ? {} : { challengePassword: code }),
  });
  const intent = { serverId: server.id, generationId: root.id, form: 'request', code } as const;
  await ca.servers.recordPossessionIntent(act, { ...intent, serial: null, digest: sha256(info) });
  return assembleCsr(info, signer.algorithm, await signAndVerify(signer, info));
};

/** A certificate for the code, under a key that nobody has any more when this resolves. */
const proveByCertificate =
  (makeKey: KeyMaker): Step =>
  async (ca, act, server, root, code) => {
    const name = code ?? '';
    if (await ca.ledger.findDevice(server.fleetId, name))
      throw new PkiError(
        'already-exists',
        'A device of the fleet is called as the code is: ask for another.',
      );
    const signer = await ca.keystore.open(root.keyId);
    const { pkcs8, spki } = makeKey('ec-p256');
    pkcs8.fill(0);
    const plan = planDeviceCertificate({
      profile: POSSESSION_PROFILE,
      deviceId: name,
      publicKey: parsePublicKey(spki),
      granted: { purposes: [], subjectAltName: 'none', warnings: [] },
      issuer: issuerFor(root),
      serial: mintSerial(ca.random),
      now: act.at,
      notAfter: null,
    });
    const tbs = prepareTbs(plan);
    const { serial } = plan.content;
    const intent = { serverId: server.id, generationId: root.id, form: 'certificate', code } as const;
    await ca.servers.recordPossessionIntent(act, { ...intent, serial, digest: tbs.digest });
    return signWith(signer, tbs.takeFor(root.id));
  };

/**
 * Makes what a server of a kind wants to see before it takes a root. What is signed is of our making but
 * for the code, is in the audit log before, and is in no inventory: it is no device. Refuses
 * `authority-not-active`, `issuer-near-end`, `already-exists` where a device is called as the code is, and
 * `bad-request` for a code that does not fit, or a server that wants nothing.
 */
export async function provePossession(
  ca: CaContext,
  act: Act,
  {
    fleet,
    server,
    code,
    makeKey,
  }: {
    readonly fleet: Fleet;
    readonly server: Server;
    readonly code: string | null;
    readonly makeKey: KeyMaker;
  },
): Promise<Possession> {
  const form = FORM_OF[server.kind];
  if (form === null) {
    throw new PkiError(
      'bad-request',
      `A server of kind ${server.kind} takes the certificate without a proof.`,
    );
  }
  verifyCode(form, code);
  const root = activeRoot(fleet, await ca.ledger.listGenerations(fleet.id));
  const prove = form === 'request' ? proveByRequest : proveByCertificate(makeKey);
  return { form, root, der: await prove(ca, act, server, root, code) };
}
