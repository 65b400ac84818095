import { LocalFailure } from '../local-failure.ts';

/** As commander gives them. */
export interface CertProviderOptions {
  readonly credentials?: string;
  readonly fleetCa?: string;
  readonly fleetCaKey?: string;
  readonly deviceCa?: string;
  readonly deviceCaKey?: string;
  readonly passphraseFile?: string;
  readonly fleet?: string;
  readonly bits?: number;
  readonly days?: number;
  readonly certificateC?: string;
  readonly certificateSt?: string;
  readonly certificateO?: string;
  readonly certificateCn?: string;
  readonly target?: string;
  readonly port?: number;
  readonly directory?: string;
  readonly rootCa?: true;
  readonly serverUrl?: true;
  readonly local?: string;
  readonly config?: readonly string[];
  readonly skipChecks?: true;
  readonly keep?: string;
}

/** Who makes the certificate. */
export type Maker =
  | { readonly kind: 'fleet-ca'; readonly certificate: string; readonly key: string }
  | { readonly kind: 'service'; readonly fleet: string }
  | { readonly kind: 'server'; readonly credentials: string };

const refuse = (message: string): never => {
  throw new LocalFailure('usage', message);
};

function makerOf(options: CertProviderOptions): Maker {
  const certificate = options.fleetCa ?? options.deviceCa;
  const key = options.fleetCaKey ?? options.deviceCaKey;
  const { fleet, credentials } = options;
  if (fleet !== undefined) {
    if (certificate !== undefined || key !== undefined || credentials !== undefined)
      refuse('--fleet asks the service; --fleet-ca, --fleet-ca-key and -c ask others. Give one.');
    return { kind: 'service', fleet };
  }
  if (certificate !== undefined && key !== undefined) return { kind: 'fleet-ca', certificate, key };
  if (certificate !== undefined || key !== undefined)
    refuse('--fleet-ca and --fleet-ca-key belong together: give both, or neither.');
  return credentials === undefined
    ? refuse('-c/--credentials may be left out only with a fleet CA (--fleet-ca, --fleet-ca-key) or --fleet.')
    : { kind: 'server', credentials };
}

/** Checks which options go together, as the tool it stands in for has it. Throws `usage`. */
export function readMaker(options: CertProviderOptions): Maker {
  const maker = makerOf(options);
  const { target, local, directory, config, rootCa, serverUrl, credentials } = options;
  if (target === undefined && local === undefined)
    refuse('Say where the files go: a device with -t/--target, a folder with -l/--local, or both.');
  if (directory !== undefined && config !== undefined)
    refuse('-d/--directory and -g/--config both say where the files go: give one.');
  if (maker.kind === 'fleet-ca' && credentials === undefined && (rootCa || serverUrl))
    refuse('-r and -u take what they write from credentials.zip: give -c/--credentials.');
  return maker;
}

const ONLY_WITH_A_CA = {
  bits: '--bits',
  days: '--days',
  certificateC: '--certificate-c',
  certificateSt: '--certificate-st',
  certificateO: '--certificate-o',
} as const;

/** The options that this maker does not follow, since it decides that itself. */
export function unheeded({ kind }: Maker, options: CertProviderOptions): readonly string[] {
  if (kind === 'fleet-ca') return [];
  const followed: readonly string[] = kind === 'service' ? ['bits', 'days'] : [];
  return Object.entries(ONLY_WITH_A_CA)
    .filter(
      ([name]) => options[name as keyof typeof ONLY_WITH_A_CA] !== undefined && !followed.includes(name),
    )
    .map(([, flag]) => flag);
}
