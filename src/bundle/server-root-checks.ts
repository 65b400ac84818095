import { X509Certificate } from 'node:crypto';
import { parsePem } from '../asn1/index.ts';
import { gatewayUrlFault } from '../ca/index.ts';
import type { BundleLine, LineCheck } from './layout.ts';

/** As the fleet's settings were checked once; a ledger from elsewhere may hold another. */
export const gatewayUrlPlain: LineCheck = ({ gatewayUrl }) => {
  const fault = gatewayUrl === null ? undefined : gatewayUrlFault(gatewayUrl);
  return fault === undefined
    ? undefined
    : {
        verdict: 'refuse',
        message: `The gateway's URL ${fault}: devices append their paths to it as it stands.`,
      };
};

const serverRootsOf = ({ gatewayRoot }: BundleLine): readonly Uint8Array[] =>
  gatewayRoot === null ? [] : parsePem(gatewayRoot).map(({ der }) => der);

const rootsMixedUp: LineCheck = (line) => {
  const root = line.issuers.at(-1);
  const same = root && serverRootsOf(line).some((der) => Buffer.compare(der, root.der) === 0);
  return same
    ? {
        verdict: 'warn',
        message:
          "The gateway's server root is this fleet's own root. Devices know the gateway by it, and refuse every gateway whose server certificate is not under it: they are rarely the same.",
      }
    : undefined;
};

const serverRootEnded: LineCheck = (line) => {
  const ended = serverRootsOf(line)
    .map((der) => new X509Certificate(der))
    .find(({ validTo }) => new Date(validTo) <= line.now);
  return ended
    ? {
        verdict: 'warn',
        message: `The gateway's server root has expired (${ended.subject.replaceAll('\n', ', ')}): devices that go by it alone refuse the gateway.`,
      }
    : undefined;
};

export const serverRootChecks: readonly LineCheck[] = [rootsMixedUp, serverRootEnded];
