import type { RefusalCode } from '../../errors.ts';
import type { RunningService } from '../../main.ts';
import type { HandshakeChecks } from './check-handshakes.ts';
import { AUTHORITY, FLEET } from './demo-fleet.ts';
import { MADE_BY } from './output-folder.ts';
import type { SentLot } from './send-lot.ts';
import { bundleFolder } from './write-bundles.ts';

export interface RefusedCount {
  readonly code: RefusalCode;
  readonly count: number;
  /** What the factory had done wrong on purpose, and how often. */
  readonly faults: readonly { readonly title: string; readonly count: number }[];
}

/** What a run came to: the content of `summary.json`. */
export interface Summary {
  readonly madeBy: string;
  /** Whether every expectation held; if not, `problems` says which. */
  readonly held: boolean;
  readonly problems: readonly string[];
  readonly at: string;
  readonly fleet: string;
  readonly authority: string;
  readonly fleetRootFingerprint: string;
  readonly batch: string;
  readonly rows: number;
  readonly issued: number;
  readonly refused: number;
  readonly refusedByCode: readonly RefusedCount[];
  readonly seconds: number;
  readonly certificatesPerSecond: number;
  readonly chainsChecked: number;
  readonly handshakes: Omit<HandshakeChecks, 'faults'>;
  readonly out: string;
  /** One device's folder in `out`; null where none was issued. */
  readonly exampleBundle: string | null;
  readonly apiUrl: string;
  readonly publicUrl: string | null;
  readonly caFile: string | null;
  readonly fingerprint: string;
  readonly adminTokenFile: string;
  readonly data: string;
  readonly gatewayUrl: string;
}

export interface SummaryInput {
  readonly service: RunningService;
  readonly sent: SentLot;
  readonly rows: number;
  readonly fleetRootFingerprint: string;
  readonly chainFaults: readonly string[];
  readonly handshakeChecks: HandshakeChecks;
  /** The data folder. */
  readonly data: string;
  readonly out: string;
  readonly gatewayUrl: string;
}

/** How often each value stands in a list, in the order of first appearance. */
function countEach<T>(values: readonly T[]): readonly { readonly value: T; readonly count: number }[] {
  const counts = new Map<T, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].map(([value, count]) => ({ value, count }));
}

const NOT_PLANNED = 'nothing: it should have been issued';

function countByCode({ refused }: SentLot): readonly RefusedCount[] {
  return countEach(refused.map(({ code }) => code)).map(({ value: code, count }) => {
    const rows = refused.filter((row) => row.code === code);
    const faults = countEach(rows.map(({ fault }) => fault ?? NOT_PLANNED));
    return { code, count, faults: faults.map(({ value: title, count }) => ({ title, count })) };
  });
}

/** Puts the outcome of a run together, and says whether it held. */
export function summarize(input: SummaryInput): Summary {
  const { service, sent, chainFaults, handshakeChecks, ...rest } = input;
  const { faults, ...handshakes } = handshakeChecks;
  const problems = [...sent.surprises, ...chainFaults, ...faults];
  const { apiUrl, publicUrl, caFile, fingerprint, adminTokenFile } = service;
  const [example] = sent.issued;
  const seconds = sent.milliseconds / 1000;
  return {
    madeBy: MADE_BY,
    held: problems.length === 0,
    problems,
    at: new Date().toISOString(),
    fleet: FLEET,
    authority: AUTHORITY,
    batch: sent.batch,
    issued: sent.issued.length,
    refused: sent.refused.length,
    refusedByCode: countByCode(sent),
    seconds: Number(seconds.toFixed(3)),
    certificatesPerSecond: Math.round(sent.issued.length / seconds),
    exampleBundle: example ? bundleFolder(example.lotRow.deviceId) : null,
    chainsChecked: sent.issued.length,
    handshakes,
    apiUrl,
    publicUrl,
    caFile,
    fingerprint,
    // The run has read it: it is there.
    adminTokenFile: adminTokenFile ?? '',
    ...rest,
  };
}
