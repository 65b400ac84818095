import { PkiError } from '../../errors.ts';
import { parseTrust, type Trust, type TrustSource, trustFromFiles } from '../../gateway/index.ts';
import { type Client, segment, withClient } from '../client/client.ts';
import { readPublished } from '../client/json.ts';
import { readTextFile } from '../files.ts';
import type { Invocation } from '../invocation.ts';
import { fileFailure, LocalFailure } from '../local-failure.ts';

/** Which of the published files the gateway is given. */
export type Trusts = 'fleet-root' | 'trust-bundle';

/** How the command line says what the gateway trusts. */
export interface TrustOptions {
  readonly fleet?: string;
  readonly trustFile?: string;
  readonly crl?: string;
  readonly trusts: Trusts;
}

const fetchText = async (client: Client, path: string): Promise<string> =>
  (await readPublished(client, path)).toString('utf8');

/** null: one of the fleet's CAs may not sign any, and with some of them OpenSSL would refuse everybody. */
export async function fetchCrls(client: Client, fleet: string): Promise<string | null> {
  try {
    return await fetchText(client, `/pki/${segment(fleet)}/crls.pem`);
  } catch (failure) {
    if (failure instanceof PkiError && failure.code === 'crl-not-possible') return null;
    throw failure;
  }
}

/** What a fleet publishes, over the service's API, which the client knows by its CA or pin. No token is sent. */
const trustFromFleet = (
  invocation: Invocation,
  fleet: string,
  { trusts, crl }: TrustOptions,
): TrustSource => ({
  says: `the ${trusts} of the fleet ${fleet}`,
  read: () =>
    withClient(invocation, async (client) => ({
      // The CRLs after it: so there is one of every CA in it.
      trusted: await fetchText(client, `/pki/${segment(fleet)}/${trusts}.pem`),
      crls: crl === undefined ? await fetchCrls(client, fleet) : await readTextFile(crl),
    })),
});

/** Where the gateway's trust comes from: a fleet of the service, or files. Throws `usage` for neither, or both. */
export function trustSource(invocation: Invocation, options: TrustOptions): TrustSource {
  const { fleet, trustFile, crl } = options;
  if ((fleet === undefined) === (trustFile === undefined)) {
    throw new LocalFailure(
      'usage',
      'What the gateway trusts is named by --fleet or by --trust-file: give one.',
    );
  }
  if (fleet !== undefined) return trustFromFleet(invocation, fleet, options);
  const files = trustFromFiles(String(trustFile), crl ?? null);
  return {
    says: files.says,
    read: async () => {
      try {
        return await files.read();
      } catch (failure) {
        throw fileFailure(files.says, failure);
      }
    },
  };
}

/** The first reading, which must work out. Throws `usage` for files that hold no trust. */
export async function readTrust(source: TrustSource): Promise<Trust> {
  const files = await source.read();
  try {
    return parseTrust(files);
  } catch (cause) {
    if (!(cause instanceof PkiError)) throw cause;
    throw new LocalFailure('usage', `What the gateway is to trust cannot be read: ${cause.message}`, {
      hint: `look at ${source.says}`,
      cause,
    });
  }
}
