/** Devices that call their gateways again and again, over a handshake each, and what became of it. */
import { setTimeout as pause } from 'node:timers/promises';
import { callAsDevice } from './call-as-device.ts';
import type { PullingGateway } from './pulling-gateway.ts';

/** What a gateway owes a caller; `either` while gateways are about to hear of a change. */
export type Due = 'let-in' | 'either' | 'refused';

export interface Caller {
  readonly deviceId: string;
  /** What it is counted as where it is due to be let in: the name of its issuer. */
  readonly issuer: string;
  /** What it presents, PEM; the leaf alone, or with what is above it. */
  readonly chain: string;
  /** PKCS#8, PEM. */
  readonly key: string;
  /** When its certificate ends. */
  readonly notAfter: Date;
  /** Why it is not let in any more; it is counted as that. null: it is. */
  shut: { readonly why: string; settled: boolean } | null;
}

/** Calls that were judged. */
export interface Count {
  letIn: number;
  refused: number;
}

export interface HandshakeLoad {
  add(caller: Caller): void;
  readonly callers: readonly Caller[];
  /** By the issuer of those that were due to be let in; and by why the others were not. */
  readonly counts: ReadonlyMap<string, Count>;
  /** Calls of which nobody can say how they had to end: something changed meanwhile. */
  readonly unjudged: number;
  /** Refusals of those that were due to be let in, and the other way round, in words. */
  readonly faults: readonly string[];
  /** Resolves when each gateway was called so often again by somebody who was due to be let in. */
  more(calls: number): Promise<void>;
  /** Calls with each of these at every gateway until they are refused, and they are due to be from then on. */
  untilRefused(callers: readonly Caller[]): Promise<void>;
  stop(): Promise<void>;
}

/** A certificate ends between two seconds: that long before and after it nobody can say. */
const MARGIN_MS = 2_000;
const LANES = 3;
/** A machine that stood still for a while has refused nobody. */
const PATIENCE_MS = 60_000;
/** One call in so many is by somebody who is not due to be let in. */
const SHUT_EVERY = 6;
/** Between two calls of a lane: the service needs the processors, too. */
const REST_MS = 15;

function dueOf({ shut, notAfter }: Caller): Due {
  const left = notAfter.getTime() - Date.now();
  if (shut) return shut.settled ? 'refused' : 'either';
  if (left < -MARGIN_MS) return 'refused';
  return left < MARGIN_MS ? 'either' : 'let-in';
}

const countedAs = ({ shut, issuer }: Caller, due: Due): string =>
  due === 'let-in' ? issuer : (shut?.why ?? 'expired');

/** Calls once; null: it was let in. */
async function refusalOf(
  caller: Caller,
  gateway: PullingGateway,
  root: string,
  version: 'TLSv1.2' | 'TLSv1.3',
): Promise<string | null> {
  const { chain, key } = caller;
  try {
    const { status, text } = await callAsDevice(
      gateway.port,
      { chain, key, root },
      { version, patienceMs: PATIENCE_MS },
    );
    return status === 200 ? null : `${status} ${text.trim()}`;
  } catch (failure) {
    return String(failure);
  }
}

/** `root`: that of the gateways' servers, PEM. */
export function startHandshakeLoad(gateways: readonly PullingGateway[], root: string): HandshakeLoad {
  const callers: Caller[] = [];
  const live = new Map<string, Caller[]>();
  const shut = new Map<string, Caller[]>();
  const counts = new Map<string, Count>();
  const calls = new Map<string, number>();
  const faults: string[] = [];
  let unjudged = 0;
  let turn = 0;
  let isOver = false;

  /** Those that are due to be let in, by their issuers in turn: one of the newest, then one of all. */
  function nextLive(): Caller | undefined {
    const groups = [...live.values()];
    const group = groups[turn % groups.length] ?? [];
    const round = Math.floor(turn / Math.max(1, groups.length));
    const at = round % 2 === 0 ? Math.max(0, group.length - 1 - ((round >> 1) % 3)) : round * 7919;
    const caller = group[at % group.length];
    if (caller === undefined || dueOf(caller) === 'let-in') return caller;
    group.splice(group.indexOf(caller), 1);
    if (group.length === 0) live.delete(caller.issuer);
    const why = caller.shut?.why ?? 'expired';
    shut.set(why, [...(shut.get(why) ?? []), caller]);
    return nextLive();
  }

  function next(): Caller | undefined {
    turn++;
    const groups = [...shut.values()];
    const group = groups[(turn / SHUT_EVERY) % groups.length];
    return group ? group[(turn * 7919) % group.length] : nextLive();
  }

  async function call(caller: Caller, gateway: PullingGateway, version: 'TLSv1.2' | 'TLSv1.3') {
    const before = dueOf(caller);
    const refusal = await refusalOf(caller, gateway, root, version);
    const due = dueOf(caller);
    if (due === 'either' || before !== due) {
      unjudged++;
      return refusal;
    }
    const as = countedAs(caller, due);
    const count = counts.get(as) ?? { letIn: 0, refused: 0 };
    counts.set(as, count);
    if (refusal === null) count.letIn++;
    else count.refused++;
    if (due === 'let-in') calls.set(gateway.name, (calls.get(gateway.name) ?? 0) + 1);
    if ((refusal === null) !== (due === 'let-in'))
      faults.push(
        `${caller.deviceId} of ${caller.issuer} at ${gateway.name}, ${version}, is due to be ${due}: ${refusal ?? 'let in'}`,
      );
    return refusal;
  }

  async function lane(number: number): Promise<void> {
    for (let round = number; !isOver; round++) {
      const [caller, gateway] = [next(), gateways[round % gateways.length]];
      if (caller && gateway) await call(caller, gateway, round % 3 === 0 ? 'TLSv1.2' : 'TLSv1.3');
      await pause(REST_MS);
    }
  }

  const lanes = Array.from({ length: LANES }, (_, number) => lane(number));
  return {
    callers,
    counts,
    faults,
    get unjudged() {
      return unjudged;
    },
    add: (caller) => {
      callers.push(caller);
      live.set(caller.issuer, [...(live.get(caller.issuer) ?? []), caller]);
    },
    more: async (least) => {
      const due = gateways.map(({ name }) => [name, (calls.get(name) ?? 0) + least] as const);
      while (due.some(([name, count]) => (calls.get(name) ?? 0) < count)) await pause(20);
    },
    untilRefused: async (due) => {
      for (const caller of due) {
        for (const gateway of gateways) {
          while ((await call(caller, gateway, 'TLSv1.3')) === null) {
            await pause(50);
          }
        }
        if (caller.shut) caller.shut.settled = true;
      }
    },
    stop: async () => {
      isOver = true;
      await Promise.all(lanes);
    },
  };
}
