import type { TargetName } from '../policy/index.ts';
import type { ForeignCertificate, ForeignCrl } from '../x509/index.ts';
import { buildChain, isSelfSigned, type Trust } from './build-chain.ts';
import { findParts, type Parts } from './find-parts.ts';
import { type Finding, fail, warn } from './finding.ts';
import type { GivenFile } from './given-file.ts';
import { judgeChain } from './judge-chain.ts';
import { judgeConfiguration } from './judge-configuration.ts';
import { judgeFiles } from './judge-files.ts';
import { judgeKey } from './judge-key.ts';
import { deviceIdOf, judgeName } from './judge-name.ts';
import { judgeServerRoot } from './judge-server-root.ts';
import { judgeUrl } from './judge-url.ts';
import { type ReadFile, readFile } from './read-file.ts';
import { type BundleFacts, bundleReport, type CheckReport, type JudgedFile } from './report.ts';

export interface BundleQuestion {
  readonly files: readonly GivenFile[];
  /** Whose rules for names hold. */
  readonly target: TargetName;
  /** What the gateway trusts; null where nobody has told: then it is taken from the bundle, if that has a fleet root. */
  readonly trust: Trust;
  /** The CRLs that it reads; none: it looks no certificate up. */
  readonly crls?: readonly ForeignCrl[];
  /** Of PKCS#12 files. */
  readonly passphrase: string;
  readonly now: Date;
}

/** A bundle that was judged, with what a handshake needs of it. */
export interface JudgedBundle {
  readonly report: CheckReport;
  /** What the report is made of: more may be found. */
  readonly facts: BundleFacts;
  readonly parts: Parts;
  readonly presented: readonly ForeignCertificate[];
  readonly trust: Trust;
  readonly crls: readonly ForeignCrl[];
}

/** A device with a token sends its own certificate alone. */
const presentedOf = ({ client, inToken }: Parts): readonly ForeignCertificate[] =>
  client === null ? [] : client.certificates.slice(0, inToken ? 1 : undefined);

/** A root that lies beside the bundle, and tops the device's chain, is what its gateway is to trust. */
function trustFromBundle(presented: readonly ForeignCertificate[], { others }: Parts): Trust {
  const [leaf] = presented;
  const roots = others.flatMap(({ certificates }) => certificates).filter(isSelfSigned);
  if (leaf === undefined || roots.length === 0) return null;
  const known = others.flatMap(({ certificates }) => certificates);
  return buildChain([...presented, ...known], roots).end === 'anchored' ? roots : null;
}

function clientFindings({ client, inToken }: Parts): readonly Finding[] {
  if (client === null)
    return [fail('certificate-missing', null, 'There is no certificate of a device in the bundle.')];
  if (client.fault !== null) return [];
  if (client.certificates.length === 0)
    return [
      fail(
        'certificate-missing',
        client.path,
        `There is no certificate in the file; it holds ${client.holds}.`,
      ),
    ];
  return client.form === 'der' && !inToken
    ? [
        fail(
          'certificate-der',
          client.path,
          'The certificate is in DER; the client reads PEM (curl error 58).',
        ),
      ]
    : [];
}

/** In a token the intermediates are never sent, so the gateway must know the issuer itself. */
function inTokenFindings(parts: Parts, findings: readonly Finding[], trust: Trust): readonly Finding[] {
  const sent = parts.client?.certificates ?? [];
  if (!parts.inToken || sent.length < 2) return findings;
  const says = 'A device with a token presents its own certificate alone, and an intermediate issued it';
  if (trust === null)
    return [
      ...findings,
      warn(
        'leaf-alone',
        parts.client?.path ?? null,
        `${says}: a gateway that trusts the root alone refuses it.`,
      ),
    ];
  return findings.map((one) =>
    ['chain-incomplete', 'issuer-unknown'].includes(one.code)
      ? fail(
          'leaf-alone',
          parts.client?.path ?? null,
          `${says}, which the gateway does not trust (error 20, alert 48).`,
        )
      : one,
  );
}

function roleOf(file: ReadFile, parts: Parts): JudgedFile['role'] {
  if (file === parts.client) return 'certificate';
  if (file === parts.key) return 'key';
  if (file === parts.serverRoot) return 'server-root';
  if (file === parts.url) return 'url';
  return file === parts.configuration ? 'configuration' : 'other';
}

/** Says what would happen with a bundle, from its files alone. It demands nothing that servers do not. */
export function checkBundle(question: BundleQuestion): JudgedBundle {
  const { files, target, trust: told, crls = [], passphrase, now } = question;
  const read = files.map((file) => readFile(file, passphrase));
  const parts = findParts(read);
  const presented = presentedOf(parts);
  const [leaf] = presented;
  const trust = told ?? trustFromBundle(presented, parts);
  const known = [
    ...(parts.client?.certificates ?? []),
    ...parts.others.flatMap(({ certificates }) => certificates),
  ];
  const chain = leaf && judgeChain(presented, { trust, known, crls, now });
  const about = (found: readonly Finding[]): readonly Finding[] =>
    found.map((one) => ({ ...one, file: one.file ?? parts.client?.path ?? null }));
  const isAlone = chain?.findings.some(({ code }) => code === 'chain-order') ?? false;
  const findings = [
    ...judgeFiles(read, parts),
    ...clientFindings(parts),
    ...judgeKey(parts, leaf, read),
    ...about(inTokenFindings(parts, chain?.findings ?? [], trust)),
    ...(leaf && !isAlone ? about(judgeName(leaf, target, parts.client?.path ?? null)) : []),
    ...judgeServerRoot(parts, chain?.built.path.slice(1) ?? [], now),
    ...judgeUrl(parts),
    ...judgeConfiguration(parts, read),
  ];
  const deviceId = leaf && !isAlone ? deviceIdOf(leaf) : null;
  const judgedFiles = read.map((file) => ({
    path: file.path,
    octets: file.octets,
    role: roleOf(file, parts),
  }));
  const facts = { deviceId, files: judgedFiles, presented, findings };
  return { report: bundleReport(facts), facts, parts, presented, trust, crls };
}
