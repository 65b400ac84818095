import { OID } from '../asn1/index.ts';
import {
  type Certificate,
  findExtension,
  formatName,
  PURPOSES,
  readExtendedKeyUsage,
} from '../x509/index.ts';
import { isUnderRoot } from './certificates.ts';
import type { Finding, LineCheck } from './layout.ts';
import { gatewayUrlPlain, serverRootChecks } from './server-root-checks.ts';

/** Whether a CA's extendedKeyUsage lets the certificates below it be clients, as OpenSSL judges. */
function letsClients(ca: Certificate): boolean {
  const extension = findExtension(ca, OID.extendedKeyUsage);
  if (extension === undefined) return true;
  const purposes = readExtendedKeyUsage(extension);
  return purposes.includes(PURPOSES.clientAuth) || purposes.includes(OID.anyExtendedKeyUsage);
}

const noClients = (issuers: readonly Certificate[], verdict: Finding['verdict']): Finding | undefined => {
  const ca = issuers.find((one) => !letsClients(one));
  return (
    ca && {
      verdict,
      message: `The extendedKeyUsage of ${formatName(ca.subject)} lacks clientAuth: gateways on OpenSSL, nginx and Node refuse every device under it ("unsuitable certificate purpose").`,
    }
  );
};

/** The OTA Connect manual's root has this fault, and its closed server is believed to take it. */
export const clientPurposes: LineCheck = ({ issuers, target }) =>
  noClients(issuers, target === 'ota-ce' ? 'refuse' : 'warn');

/** ota-ce's gateway is nginx, whatever the fleet's target says. */
export const nginxPurposes: LineCheck = ({ issuers }) => noClients(issuers, 'refuse');

/** What holds for every layout that aktualizr reads with a gateway in it. */
export const aktualizrLineChecks: readonly LineCheck[] = [
  gatewayUrlPlain,
  ...serverRootChecks,
  clientPurposes,
];

/** Devices of these layouts present their leaf and nothing else, whatever else they hold. */
export const leafAlone: LineCheck = (line) => {
  if (isUnderRoot(line) || line.settings.gatewayTrusts === 'trust-bundle') return undefined;
  const lone = 'Devices of this layout present their certificate alone, and an intermediate issued it';
  return line.settings.gatewayTrusts === 'fleet-root'
    ? {
        verdict: 'refuse',
        message: `${lone}; the gateway trusts the fleet's root alone (gatewayTrusts) and refuses them. Give it the trust bundle, or let the root issue.`,
      }
    : {
        verdict: 'warn',
        message: `${lone}: a gateway that trusts the fleet's root alone refuses them. Give it the trust bundle, and say so with gatewayTrusts.`,
      };
};

export const hardwareIdSaid: LineCheck = ({ settings }) =>
  settings.hardwareId === null
    ? {
        verdict: 'warn',
        message:
          "The fleet has no hardwareId: each device takes its host name for what it is, and gets the server's updates for that.",
      }
    : undefined;

/** AWS IoT registers the CA that signs devices itself, and wants it behind the leaf. */
export const registeredCa: LineCheck = (line) => {
  const [issuer] = line.issuers;
  return isUnderRoot(line) || !issuer
    ? undefined
    : {
        verdict: 'warn',
        message: `The CA to register at AWS IoT is ${formatName(issuer.subject)}, which issued these devices, not the fleet's root.`,
      };
};
