import type { Clock } from '../../clock.ts';
import { makeServerIdentity, makeServerRootPem, parseTrust, startGateway } from '../../gateway/index.ts';
import type { Random } from '../../random.ts';
import {
  encodeCertificatePem,
  encodeCrlPem,
  type ForeignCertificate,
  type ForeignCrl,
} from '../../x509/index.ts';
import { makePassingSigner } from './probe-gateway.ts';

/** A gateway on this machine, for as long as `use` needs it. */
export interface LocalGateway {
  readonly host: string;
  readonly port: number;
  /** What it is known by, PEM. */
  readonly serverRoots: string;
}

const LOOPBACK = '127.0.0.1';

/** Runs the reference gateway with what another gateway trusts, and ends it. */
export async function withLocalGateway<T>(
  trust: readonly ForeignCertificate[],
  crls: readonly ForeignCrl[],
  { clock, random }: { readonly clock: Pick<Clock, 'now'>; readonly random: Random },
  use: (gateway: LocalGateway) => Promise<T>,
): Promise<T> {
  const { signer } = await makePassingSigner();
  const now = clock.now();
  const rootPem = await makeServerRootPem(signer, 'fleetca check', random, now);
  const identity = await makeServerIdentity({ signer, rootPem, names: [LOOPBACK], days: 1, random, now });
  const trusted = trust.map(({ der }) => encodeCertificatePem(der)).join('');
  const gateway = await startGateway({
    host: LOOPBACK,
    port: 0,
    identity,
    trust: parseTrust({
      trusted,
      crls: crls.length === 0 ? null : crls.map(({ der }) => encodeCrlPem(der)).join(''),
    }),
    clock,
  });
  try {
    return await use({ host: LOOPBACK, port: gateway.port, serverRoots: rootPem });
  } finally {
    await gateway.close();
  }
}
