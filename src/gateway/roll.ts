import type { Clock } from '../clock.ts';
import type { DerivedId } from './device-id.ts';
import type { Refusal } from './refusals.ts';

/** A client as the handshake left it. */
export interface Peer {
  readonly id: DerivedId;
  /** SHA-256 of the certificate, lower-case hex. */
  readonly fingerprint: string;
  readonly serial: string;
  readonly issuer: string;
  readonly notAfter: string;
}

export type DeviceState = 'online' | 'silent' | 'refused';

/** A device that was let in at least once. Instants are RFC 3339. */
export interface DeviceSeen {
  readonly deviceId: string;
  /** `online`: let in within the last minutes; `refused`: the gateway took it once, and now does not. */
  readonly state: DeviceState;
  readonly fingerprint: string;
  readonly serial: string;
  readonly subject: string;
  readonly issuer: string;
  readonly notAfter: string;
  readonly firstSeen: string;
  readonly lastSeen: string;
  readonly connections: number;
  readonly calls: number;
  /** Routes that it called, each once, in the order of first appearance. */
  readonly routes: readonly string[];
  readonly warnings: readonly string[];
}

/** Clients that were not let in, of one certificate and for one reason. */
export interface RefusalSeen {
  readonly code: string;
  readonly reason: string;
  /** What the gateway would have taken it for; null where it presented nothing that can be read. */
  readonly deviceId: string | null;
  readonly fingerprint: string | null;
  readonly subject: string | null;
  readonly issuer: string | null;
  /** The address that it came from last. */
  readonly address: string;
  readonly count: number;
  readonly firstSeen: string;
  readonly lastSeen: string;
}

/** Who came. Bounded: of devices and of refusals the one that was longest away is forgotten first. */
export interface Roll {
  /** A connection that was let in: the device, and what it was before; null: not seen before. */
  admit(peer: Peer): { readonly device: DeviceSeen; readonly before: DeviceState | null };
  /** A request of a device that was let in; `route` is null where there is no such. */
  call(peer: Peer, route: string | null, warning: string | undefined): void;
  /** `peer` is null where there is no certificate to speak of. */
  refuse(peer: Peer | null, refusal: Refusal, address: string): RefusalSeen;
  devices(): readonly DeviceSeen[];
  refusals(): readonly RefusalSeen[];
}

const MOST_DEVICES = 100_000;
const MOST_REFUSALS = 1_000;
const MOST_WARNINGS = 20;

/** Puts an entry last, and forgets the first where there are too many. */
function putLast<V>(map: Map<string, V>, key: string, value: V, most: number): void {
  map.delete(key);
  map.set(key, value);
  const [first] = map.keys();
  if (map.size > most && first !== undefined) map.delete(first);
}

const withNew = (list: readonly string[], ...more: readonly (string | undefined)[]): readonly string[] =>
  [...new Set([...list, ...more.filter((one) => one !== undefined)])].slice(0, MOST_WARNINGS);

type Entry = Omit<DeviceSeen, 'state'> & { readonly isRefused: boolean };

const TWIN =
  'more than one certificate was presented for this ID: it was renewed, or there are two such devices';

function entryOf(peer: Peer, before: Entry | undefined, at: string): Entry {
  const { id, ...certificate } = peer;
  const twin = before && before.fingerprint !== peer.fingerprint ? TWIN : undefined;
  return {
    deviceId: id.deviceId,
    subject: id.subject,
    ...certificate,
    firstSeen: before?.firstSeen ?? at,
    lastSeen: at,
    connections: before?.connections ?? 0,
    calls: before?.calls ?? 0,
    routes: before?.routes ?? [],
    warnings: withNew(before?.warnings ?? [], ...id.warnings, twin),
    isRefused: false,
  };
}

/** An empty roll. A device counts as online for `onlineSeconds` after it was let in. */
export function createRoll(clock: Pick<Clock, 'now'>, onlineSeconds: number): Roll {
  const devices = new Map<string, Entry>();
  const refusals = new Map<string, RefusalSeen>();
  const now = (): string => clock.now().toISOString();

  const touch = (peer: Peer, change: (entry: Entry) => Partial<Entry>): Entry => {
    const { deviceId } = peer.id;
    const entry = entryOf(peer, devices.get(deviceId), now());
    const changed = { ...entry, ...change(entry) };
    putLast(devices, deviceId, changed, MOST_DEVICES);
    return changed;
  };

  const stateOf = ({ isRefused, lastSeen }: Entry): DeviceState => {
    if (isRefused) return 'refused';
    return clock.now().getTime() - Date.parse(lastSeen) <= onlineSeconds * 1000 ? 'online' : 'silent';
  };

  const shown = (entry: Entry): DeviceSeen => {
    const { isRefused: _, ...device } = entry;
    return { ...device, state: stateOf(entry) };
  };

  return {
    admit: (peer) => {
      const known = devices.get(peer.id.deviceId);
      const before = known ? stateOf(known) : null;
      const entry = touch(peer, ({ connections }) => ({ connections: connections + 1 }));
      return { device: shown(entry), before };
    },
    call: (peer, route, warning) => {
      touch(peer, ({ calls, routes, warnings }) => ({
        calls: calls + 1,
        routes: route === null ? routes : withNew(routes, route),
        warnings: withNew(warnings, warning),
      }));
    },
    refuse: (peer, { code, reason }, address) => {
      const key = `${code} ${peer?.fingerprint ?? address}`;
      const before = refusals.get(key);
      const at = now();
      const seen: RefusalSeen = {
        code,
        reason,
        deviceId: peer?.id.deviceId ?? null,
        fingerprint: peer?.fingerprint ?? null,
        subject: peer?.id.subject ?? null,
        issuer: peer?.issuer ?? null,
        address,
        count: (before?.count ?? 0) + 1,
        firstSeen: before?.firstSeen ?? at,
        lastSeen: at,
      };
      putLast(refusals, key, seen, MOST_REFUSALS);
      const entry = peer && devices.get(peer.id.deviceId);
      // Another's certificate with this ID says nothing of the device that is online.
      if (entry && entry.fingerprint === peer.fingerprint) {
        devices.set(peer.id.deviceId, { ...entry, isRefused: true });
      }
      return seen;
    },
    devices: () => [...devices.values()].map(shown),
    refusals: () => [...refusals.values()],
  };
}
