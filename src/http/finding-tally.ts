import type { BundleFile, Finding } from '../bundle/index.ts';

/** The same thing to be said of some devices of a lot. */
export interface TalliedFinding extends Finding {
  readonly devices: number;
  /** The first of them. */
  readonly example: string;
}

/** What there is to be said of a lot, each thing once: there are as many as checks and issuers. */
export interface FindingTally {
  readonly devices: number;
  /** Of them without a bundle. */
  readonly leftOut: number;
  add(deviceId: string, findings: readonly Finding[]): void;
  /** In the order in which they came up. */
  list(): readonly TalliedFinding[];
}

export function tallyFindings(): FindingTally {
  const known = new Map<string, TalliedFinding>();
  let devices = 0;
  let leftOut = 0;
  return {
    get devices() {
      return devices;
    },
    get leftOut() {
      return leftOut;
    },
    add: (deviceId, findings) => {
      devices++;
      if (findings.some(({ verdict }) => verdict === 'refuse')) leftOut++;
      for (const finding of findings) {
        const { devices: before, example } = known.get(finding.message) ?? { devices: 0, example: deviceId };
        known.set(finding.message, { ...finding, devices: before + 1, example });
      }
    },
    list: () => [...known.values()],
  };
}

const lineOf = ({ verdict, devices, example, message }: TalliedFinding): string =>
  `${verdict === 'refuse' ? 'left out' : 'warning'}, ${devices} device${devices === 1 ? '' : 's'} (${example}${devices === 1 ? '' : ', …'}): ${message}\n`;

/** A file for whoever unpacks an archive; no folder of a device begins so. undefined: there is nothing to be said. */
export function warningsFile(tally: FindingTally): BundleFile | undefined {
  const text = tally.list().map(lineOf).join('');
  return text === '' ? undefined : { name: '~warnings.txt', mode: 0o600, content: Buffer.from(text, 'utf8') };
}
