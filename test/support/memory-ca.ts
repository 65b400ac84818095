import {
  type Act,
  type CaContext,
  createAuthority,
  createFleet,
  createInlineSteps,
  type Fleet,
  type Generation,
  type IssueContext,
} from '../../src/ca/index.ts';
import { type FleetFacts, type Requester, UNBOUND } from '../../src/enrollment/index.ts';
import { createPolicy, type Profile, type TargetName } from '../../src/policy/index.ts';
import { makeDeviceKey } from '../../src/pool/index.ts';
import type { Store } from '../../src/store/index.ts';
import { openStoreInProcess } from '../../src/store/sqlite-store.ts';
import { type FixedClock, fixedClock, seededRandom } from './fixed.ts';
import { type MemoryKeystore, memoryKeystore } from './memory-keystore.ts';

/** A whole authority in memory: the real ledger on `:memory:`, keys in a map, a clock that stands. */
export interface MemoryCa {
  readonly ca: CaContext;
  readonly store: Store;
  readonly keystore: MemoryKeystore;
  readonly clock: FixedClock;
  /** Who acts, now. */
  act(): Act;
  fleet(name: string, target?: TargetName): Promise<Fleet>;
  root(fleet: Fleet): Promise<Generation>;
  issuing(fleet: Fleet, name: string): Promise<Generation>;
  close(): Promise<void>;
}

export interface MemoryCaWish {
  readonly now?: string;
  /** The operator's own profiles. */
  readonly profiles?: readonly Profile[];
}

export function memoryCa({ now = '2026-06-01T12:00:00Z', profiles = [] }: MemoryCaWish = {}): MemoryCa {
  const clock = fixedClock(now);
  const runId = '00000000000000aa';
  const store = openStoreInProcess({ file: ':memory:', runId, at: clock.now() });
  const keystore = memoryKeystore();
  const tools = {
    keystore,
    policy: createPolicy(profiles),
    random: seededRandom('memory-ca'),
    makeKey: makeDeviceKey,
  };
  const ca: CaContext = {
    ...tools,
    ledger: store,
    registrations: store,
    servers: store,
    revocations: store,
    restorations: store,
    imports: store,
    devices: store,
    rotation: store,
    links: store,
    expiries: store,
    steps: createInlineSteps(tools),
    clock,
    runId,
    stranded: new Set(),
  };
  const act = (): Act => ({
    at: clock.now(),
    actor: { kind: 'token', id: '0011223344556677', role: 'security' },
  });
  const wish = { keyAlgorithm: 'ec-p256', profile: null, commonName: null } as const;
  return {
    ca,
    store,
    keystore,
    clock,
    act,
    fleet: (name, target = 'generic') =>
      createFleet(ca, act(), { name, target, gatewayUrl: null, gatewayRoot: null }),
    root: async (fleet) =>
      (await createAuthority(ca, act(), fleet, { ...wish, name: 'root', kind: 'root' })).generation,
    issuing: async (fleet, name) =>
      (await createAuthority(ca, act(), fleet, { ...wish, name, kind: 'issuing' })).generation,
    close: () => store.close(clock.now()),
  };
}

/** The fleet as a decision sees it. */
export const factsOf = ({ ca }: MemoryCa, { id, name, target }: Fleet): FleetFacts => ({
  id,
  name,
  target: ca.policy.target(target),
});

export const stationOf = (fleet: Fleet, more: Partial<Requester> = {}): Requester => ({
  id: '0011223344556677',
  name: 'line',
  role: 'station',
  rights: [],
  fleet: fleet.name,
  bounds: UNBOUND,
  ...more,
});

/** What requests of a station are made under. */
export const contextOf = (fleet: Fleet, issuer: Generation, more: Partial<Requester> = {}): IssueContext => ({
  fleet: { id: fleet.id, name: fleet.name, target: fleet.target },
  requester: stationOf(fleet, more),
  profile: 'device',
  issuer,
});
