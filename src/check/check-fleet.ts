import { parsePem } from '../asn1/index.ts';
import { gatewayUrlFault } from '../ca/index.ts';
import type { TargetName } from '../policy/index.ts';
import {
  type ForeignCertificate,
  type ForeignCrl,
  parseForeignCertificate,
  parseForeignCrl,
} from '../x509/index.ts';
import { buildChain, isSameCertificate, isSelfSigned } from './build-chain.ts';
import { checkBundle } from './check-bundle.ts';
import { checkRoot } from './check-root.ts';
import { type Finding, fail, note, warn } from './finding.ts';
import type { GivenFile } from './given-file.ts';
import { judgeCrl, maySignCrls } from './judge-crls.ts';
import { day } from './judge-dates.ts';
import { nameOf } from './judge-purposes.ts';
import { judgeServerRoot } from './judge-server-root.ts';
import { readFile } from './read-file.ts';
import { type CheckReport, plainReport } from './report.ts';

/** One generation of an authority, as the service lists it. */
export interface FleetAuthority {
  readonly name: string;
  readonly kind: string;
  readonly generation: number;
  readonly state: string;
  /** PEM. */
  readonly certificate: string;
}

/** How far the fleet's roots have come at an OTA server. */
export interface FleetServer {
  readonly name: string;
  readonly roots: readonly {
    readonly authority: string;
    readonly generation: number;
    readonly state: string;
  }[];
}

/** The bundle of a device, or why the service does not make one. */
export type FleetBundle = { readonly deviceId: string } & (
  | { readonly files: readonly GivenFile[] }
  | { readonly refusal: string }
);

/** A fleet, as whoever asks its service sees it. */
export interface FleetFacts {
  readonly name: string;
  readonly target: TargetName;
  readonly gatewayUrl: string | null;
  /** PEM. */
  readonly gatewayRoot: string | null;
  readonly authorities: readonly FleetAuthority[];
  /** What gateways are to trust, PEM. */
  readonly published: string;
  /** The CRLs that they are to read, PEM; null: a CA of the fleet may not sign any, so there are none. */
  readonly crls: string | null;
  readonly servers: readonly FleetServer[];
  readonly bundles: readonly FleetBundle[];
}

const DAY_MS = 24 * 60 * 60 * 1000;
/** A leaf's year: what is issued from now on is shortened, where its authority ends before. */
const SOON_DAYS = 365;

const readPem = (pem: string): readonly ForeignCertificate[] =>
  parsePem(pem).map(({ der }) => parseForeignCertificate(der));

const titleOf = ({ name, generation }: FleetAuthority): string => `${name}, generation ${generation}`;

/** Nobody but the service itself trusts a registration CA; a retired one is history. */
const counts = ({ kind, state }: FleetAuthority): boolean =>
  kind !== 'registration' && state !== 'retired' && state !== 'compromised';

function authorityFindings(
  authority: FleetAuthority,
  trust: readonly ForeignCertificate[],
  { target }: FleetFacts,
  now: Date,
): readonly Finding[] {
  const title = titleOf(authority);
  const [certificate] = readPem(authority.certificate);
  if (certificate === undefined) return [fail('file-unreadable', title, 'Its certificate is empty.')];
  const about = (one: Finding): Finding => ({ ...one, file: title });
  const content = Buffer.from(authority.certificate);
  if (authority.kind === 'root')
    return checkRoot({ path: 'root.pem', mode: null, content }, target, now).findings.map(about);
  const { path, end } = buildChain([certificate], trust);
  const ended = path.find(({ notAfter }) => now > notAfter);
  return [
    ...(end === 'anchored'
      ? []
      : [fail('fleet-link-broken', title, 'Its chain does not lead to a root that the fleet publishes.')]),
    ...(ended ? [fail('ca-expired', title, `It, or a CA above it, expired on ${day(ended.notAfter)}.`)] : []),
    ...(!ended && certificate.notAfter.getTime() - now.getTime() < SOON_DAYS * DAY_MS
      ? [
          warn(
            'fleet-authority-ends-soon',
            title,
            `It ends on ${day(certificate.notAfter)}: certificates of devices are shortened to that.`,
          ),
        ]
      : []),
  ];
}

function publishedFindings(facts: FleetFacts, published: readonly ForeignCertificate[]): readonly Finding[] {
  const missing = facts.authorities
    .filter(counts)
    .filter(
      ({ certificate }) =>
        !readPem(certificate).every((one) => published.some((known) => isSameCertificate(known, one))),
    );
  return [
    ...missing.map((one) =>
      fail(
        'fleet-not-published',
        titleOf(one),
        'It is not in the trust bundle: gateways refuse what it issues.',
      ),
    ),
    ...(published.some(isSelfSigned) ? [] : [fail('fleet-no-root', null, 'The fleet publishes no root.')]),
    ...(facts.authorities.some(({ kind, state }) => kind === 'issuing' && state === 'active')
      ? []
      : [note('fleet-root-issues', null, 'The fleet has no issuing authority: its root issues.')]),
  ];
}

const readCrls = (pem: string | null): readonly ForeignCrl[] =>
  parsePem(pem ?? '').map(({ der }) => parseForeignCrl(der));

/** What the service itself lets run out, a gateway that fetches often has no better. */
const STALE: ReadonlySet<Finding['code']> = new Set(['crl-missing', 'crl-expired', 'crl-ends-soon']);

function crlFindings(
  { crls }: FleetFacts,
  published: readonly ForeignCertificate[],
  now: Date,
): readonly Finding[] {
  if (crls === null) {
    const without = published.filter((one) => !maySignCrls(one)).map(nameOf);
    return [
      note(
        'fleet-no-crls',
        null,
        `There are no CRLs, for ${without.join(', ')} may not sign any: with ssl_crl a gateway refuses every device.`,
      ),
    ];
  }
  const lists = readCrls(crls);
  return published.flatMap((ca) =>
    judgeCrl(ca, lists, now).map((one) =>
      STALE.has(one.code) ? { ...one, code: 'fleet-crl-stale' as const } : one,
    ),
  );
}

/** How often the hook of a gateway has to run: a third of the shortest life among the CRLs. */
function crlOutcome({ crls }: FleetFacts): string {
  if (crls === null) return 'none: leave ssl_crl out';
  const lives = readCrls(crls).flatMap(({ thisUpdate, nextUpdate }) =>
    nextUpdate === null ? [] : [nextUpdate.getTime() - thisUpdate.getTime()],
  );
  if (lives.length === 0) return 'none';
  const hours = Math.floor(Math.min(...lives) / 3 / 3_600_000);
  return `${lives.length}; the hook of a gateway runs at least every ${hours} hours`;
}

function gatewayFindings(
  { gatewayUrl, gatewayRoot }: FleetFacts,
  published: readonly ForeignCertificate[],
  now: Date,
): readonly Finding[] {
  if (gatewayUrl === null || gatewayRoot === null)
    return [
      warn(
        'fleet-no-gateway',
        null,
        'The fleet has no gateway URL or no gateway root: most bundles cannot be made.',
      ),
    ];
  const fault = gatewayUrlFault(gatewayUrl);
  const serverRoot = readFile({ path: 'gateway root', mode: null, content: Buffer.from(gatewayRoot) }, '');
  const parts = {
    client: null,
    key: null,
    url: null,
    configuration: null,
    others: [],
    forAktualizr: true,
    inToken: false,
    serverRoot,
  };
  return [
    ...(fault === undefined ? [] : [fail('url-malformed', 'gateway URL', `The URL ${fault}.`)]),
    ...judgeServerRoot(parts, published, now),
  ];
}

/** A server that was not told of the root refuses every device under it. */
function serverFindings({ servers, authorities }: FleetFacts): readonly Finding[] {
  const root = authorities.find(({ kind, state }) => kind === 'root' && state === 'active');
  if (root === undefined) return [];
  return servers.flatMap(({ name, roots }) => {
    const at = roots.find((one) => one.authority === root.name && one.generation === root.generation)?.state;
    if (at === 'confirmed') return [];
    return at === 'handed-over'
      ? [
          note(
            'fleet-server-unconfirmed',
            name,
            'The root was handed over, and nobody has said that it was taken.',
          ),
        ]
      : [warn('fleet-server-not-told', name, 'The present root has not been handed over to it.')];
  });
}

function bundleFindings(
  { bundles, target, crls }: FleetFacts,
  trust: readonly ForeignCertificate[],
  now: Date,
): readonly Finding[] {
  const lists = readCrls(crls);
  return bundles.flatMap((bundle) => {
    const { deviceId } = bundle;
    if ('refusal' in bundle) return [fail('fleet-bundle', deviceId, bundle.refusal)];
    const { files } = bundle;
    const { report } = checkBundle({ files, target, trust, crls: lists, passphrase: '', now });
    const first = report.findings.find(({ severity }) => severity === 'fail');
    return first ? [fail('fleet-bundle', deviceId, `${first.code}: ${first.message}`)] : [];
  });
}

/** Says how a whole fleet stands: its authorities, their links and dates, what it publishes, gateway, servers, bundles. */
export function checkFleet(facts: FleetFacts, now: Date): CheckReport {
  const published = readPem(facts.published);
  const living = facts.authorities.filter(counts);
  const findings = [
    ...living.flatMap((one) => authorityFindings(one, published, facts, now)),
    ...publishedFindings(facts, published),
    ...crlFindings(facts, published, now),
    ...gatewayFindings(facts, published, now),
    ...serverFindings(facts),
    ...bundleFindings(facts, published, now),
  ];
  return plainReport(
    { pass: `The fleet ${facts.name} is in order`, fail: `The fleet ${facts.name} is not in order` },
    {
      authorities: `${living.length} looked at, of ${facts.authorities.length}`,
      CRLs: crlOutcome(facts),
      bundles: `${facts.bundles.length} looked at`,
      servers: facts.servers.map(({ name }) => name).join(', ') || 'none named',
    },
    findings,
  );
}
