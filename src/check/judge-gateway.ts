import { type ForeignCertificate, formatName } from '../x509/index.ts';
import { type Finding, fail, note, warn } from './finding.ts';
import type { Ending } from './probe/handshake.ts';
import type { Probe } from './probe/probe-gateway.ts';

/** As nginx says it, and our reference gateway: the handshake is done, and HTTP tells that it was for nothing. */
const REFUSED = /SSL certificate error|No required SSL certificate/i;

const isLetIn = (ending: Ending | null): boolean =>
  ending?.kind === 'answered' && !(ending.status === 400 && REFUSED.test(ending.text));

const UNSPOKEN = 70;
const isUnspoken = (ending: Ending): boolean => ending.kind === 'alert' && ending.alert.number === UNSPOKEN;

/** The first line of a page, for a sentence. */
function pageLine(text: string): string {
  const body = text.slice(text.indexOf('\r\n\r\n') + 4).replace(/<[^>]*>/g, ' ');
  return body.replace(/\s+/g, ' ').trim().slice(0, 240);
}

function sayEnding(ending: Ending): string {
  switch (ending.kind) {
    case 'alert':
      return `alert ${ending.alert.number} (${ending.alert.name}): ${ending.alert.meaning}`;
    case 'answered':
      return `HTTP ${ending.status}: ${pageLine(ending.text)}`;
    case 'silent':
      return 'the handshake was done, and no answer came';
    default:
      return `${ending.kind} (${ending.reason})`;
  }
}

const HOPELESS: Partial<Readonly<Record<Ending['kind'], (reason: string) => Finding>>> = {
  unreachable: (reason) => fail('gateway-unreachable', null, `Nobody answers there (${reason}).`),
  'no-tls': (reason) => fail('gateway-no-tls', null, `What answers there does not speak TLS (${reason}).`),
  untrusted: (reason) =>
    fail(
      'gateway-not-trusted',
      null,
      `By root.crt alone the server is not trusted (${reason}): curl error 60 on the device.`,
    ),
  'other-name': (reason) =>
    fail(
      'gateway-other-name',
      null,
      `The certificate of the server is for another name (${reason}): curl error 60 on the device.`,
    ),
};

/** What ends it before the gateway sees anything. */
function hopeless(probes: readonly Probe[]): Finding | undefined {
  for (const { nobody } of probes) {
    const found = HOPELESS[nobody.kind];
    if (found !== undefined && 'reason' in nobody) return found(nobody.reason);
  }
  return undefined;
}

/** What came of calls with the device's credentials. `which`: the gateway that was called. */
export function judgeOwn(
  probes: readonly Pick<Probe, 'version' | 'own'>[],
  which: string,
): readonly Finding[] {
  const tried = probes.flatMap(({ version, own }) => (own === null ? [] : [{ version, own }]));
  if (tried.length === 0) return [];
  const letIn = tried.filter(({ own }) => isLetIn(own)).map(({ version }) => version);
  const refused = tried
    .filter(({ own }) => !isLetIn(own))
    .map(({ version, own }) =>
      own.kind === 'silent'
        ? warn('gateway-silent', null, `Over ${version} ${sayEnding(own)}.`)
        : fail(
            'gateway-refuses',
            null,
            `Over ${version} ${which} refused the device with ${sayEnding(own)}.`,
          ),
    );
  const accepted = note(
    'gateway-accepts',
    null,
    `${which[0]?.toUpperCase()}${which.slice(1)} let the device in over ${letIn.join(' and ')}.`,
  );
  return [...refused, ...(letIn.length > 0 ? [accepted] : [])];
}

function judgeDemand(probes: readonly Probe[]): readonly Finding[] {
  const open = probes.filter(({ nobody }) => isLetIn(nobody)).map(({ version }) => version);
  if (open.length > 0)
    return [
      warn(
        'gateway-lets-anyone-in',
        null,
        `Over ${open.join(' and ')} it answered a client without any certificate.`,
      ),
    ];
  const blind = probes.filter(({ stranger }) => isLetIn(stranger)).map(({ version }) => version);
  return blind.length === 0
    ? []
    : [
        warn(
          'gateway-only-asks',
          null,
          `Over ${blind.join(' and ')} it let in a certificate that nobody signed: it asks and does not verify.`,
        ),
      ];
}

/** Which CAs it says that it takes, and whether ours is among them. */
function judgeNames(probes: readonly Probe[], chain: readonly ForeignCertificate[]): readonly Finding[] {
  const asked = probes.map((one) => one.asked).find(({ kind }) => kind === 'certificate');
  if (asked?.kind !== 'certificate')
    return probes.some((one) => one.asked.kind === 'unknown')
      ? [
          note(
            'gateway-ca-names-unknown',
            null,
            'Which CAs it accepts is unknown: that is asked with openssl, which is not here or was not to be started.',
          ),
        ]
      : [];
  if (asked.names.length === 0)
    return [note('gateway-ca-names', null, 'It asks for a certificate, and names no CAs: of any.')];
  const ours = chain.flatMap(({ issuer }) => formatName(issuer));
  const named = note(
    'gateway-ca-names',
    null,
    `It says that it accepts certificates of: ${asked.names.join('; ')}.`,
  );
  return chain.length === 0 || asked.names.some((name) => ours.includes(name))
    ? [named]
    : [
        named,
        warn(
          'gateway-ca-not-named',
          null,
          `Among the CAs that it names is none of this chain: ${ours.join('; ')}.`,
        ),
      ];
}

/**
 * What a gateway did when it was called. `chain`: what the device presents.
 */
export function judgeGateway(
  probes: readonly Probe[],
  chain: readonly ForeignCertificate[],
): readonly Finding[] {
  const spoken = probes.filter(({ nobody, own }) => !isUnspoken(own ?? nobody) && !isUnspoken(nobody));
  if (spoken.length === 0)
    return [fail('gateway-refuses', null, 'The gateway speaks neither TLS 1.2 nor TLS 1.3.')];
  const end = hopeless(spoken);
  if (end !== undefined) return [end];
  const unspoken = probes.filter((one) => !spoken.includes(one));
  return [
    ...judgeOwn(spoken, 'the gateway'),
    ...unspoken.map(({ version }) =>
      note('gateway-one-version', null, `The gateway does not speak ${version}.`),
    ),
    ...judgeDemand(spoken),
    ...judgeNames(spoken, chain),
  ];
}
