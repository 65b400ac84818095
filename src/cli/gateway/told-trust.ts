import { parsePem } from '../../asn1/index.ts';
import type { Trust } from '../../check/index.ts';
import {
  type ForeignCertificate,
  type ForeignCrl,
  parseForeignCertificate,
  parseForeignCrl,
} from '../../x509/index.ts';
import { segment, withClient } from '../client/client.ts';
import { readPublished } from '../client/json.ts';
import { readTextFile } from '../files.ts';
import type { Invocation } from '../invocation.ts';
import { LocalFailure } from '../local-failure.ts';
import { fetchCrls } from './trust-options.ts';

/** How the command line says what the gateway judges a bundle by. */
export interface ToldTrustOptions {
  readonly trust?: string;
  readonly fleet?: string;
  readonly crl: readonly string[];
}

/** What a gateway is said to judge by. `trust`: null where nobody says. */
export interface ToldTrust {
  readonly trust: Trust;
  readonly crls: readonly ForeignCrl[];
}

interface Read {
  readonly certificates: readonly ForeignCertificate[];
  readonly crls: readonly ForeignCrl[];
}

/** Certificates and CRLs of a PEM text, which may hold both, as `ssl_client_certificate` and HAProxy's files may. */
function readBlocks(pem: string): Read {
  const blocks = parsePem(pem);
  return {
    certificates: blocks
      .filter(({ label }) => label === 'CERTIFICATE' || label === 'X509 CERTIFICATE')
      .map(({ der }) => parseForeignCertificate(der)),
    crls: blocks.filter(({ label }) => label === 'X509 CRL').map(({ der }) => parseForeignCrl(der)),
  };
}

const readPem = async (path: string): Promise<Read> => readBlocks(await readTextFile(path));

const due = (path: string, what: string): LocalFailure =>
  new LocalFailure('usage', `${path} holds no ${what} in PEM form.`);

async function readCrlFile(path: string): Promise<readonly ForeignCrl[]> {
  const { crls } = await readPem(path);
  if (crls.length === 0) throw due(path, 'CRL');
  return crls;
}

async function readTrusted(invocation: Invocation, { trust, fleet }: ToldTrustOptions): Promise<Read | null> {
  if (trust !== undefined && fleet !== undefined)
    throw new LocalFailure('usage', 'What the gateway trusts is named by --trust or by --fleet: give one.');
  if (trust !== undefined) {
    const read = await readPem(trust);
    if (read.certificates.length === 0) throw due(trust, 'certificate');
    return read;
  }
  if (fleet === undefined) return null;
  return withClient(invocation, async (client) => {
    const bundle = await readPublished(client, `/pki/${segment(fleet)}/trust-bundle.pem`);
    return readBlocks(bundle.toString() + ((await fetchCrls(client, fleet)) ?? ''));
  });
}

/** What the gateway judges by, as the command line names it. Rejects with `usage`, `bad-pem`, `bad-der`. */
export async function readToldTrust(invocation: Invocation, options: ToldTrustOptions): Promise<ToldTrust> {
  const trusted = await readTrusted(invocation, options);
  const named = await Promise.all(options.crl.map(readCrlFile));
  // Those that are named stand in place of a fleet's.
  const crls = named.length > 0 ? named.flat() : [];
  const own = options.fleet !== undefined && crls.length > 0 ? [] : (trusted?.crls ?? []);
  return { trust: trusted?.certificates ?? null, crls: [...own, ...crls] };
}
