import { createHash } from 'node:crypto';
import type { CaContext } from './context.ts';
import { type IssueOutcome, issue } from './issue.ts';
import type { Act } from './ledger-records.ts';
import type { IssueContext, KeyMaking, RequestInput } from './steps-ports.ts';

/** One request on its own, with who asks and for what. */
export interface SingleRequest {
  readonly act: Act;
  readonly context: IssueContext;
  readonly input: RequestInput;
}

/** Takes single requests through the cycle; those that wait at the same time go together. */
export type IssueTogether = (request: SingleRequest) => Promise<IssueOutcome>;

/** Requests of one group that share a pass over the cycle, at most. */
const MOST_TOGETHER = 32;
/** Groups on their way at a time: enough to keep every core busy while others are written. */
const GROUPS_UNDER_WAY = 8;

interface Waiting {
  readonly request: SingleRequest;
  readonly resolve: (outcome: IssueOutcome) => void;
  readonly reject: (reason: unknown) => void;
}

/** Requests of one group are made under the same circumstances: they may share a chunk. */
const groupOf = ({ context: { fleet, requester, issuer, profile, making, renews } }: SingleRequest): string =>
  `${fleet.id}/${issuer.id}/${requester.id}/${profile}/${making ? makingOf(making) : ''}/${renews?.intentId ?? ''}`;

const makingOf = ({ algorithm, recipient }: KeyMaking): string =>
  `${algorithm}/${recipient ? createHash('sha256').update(recipient).digest('hex') : ''}`;

/**
 * Single requests share passes over the cycle, and so their two syncs and their trips between threads:
 * what arrives while others are under way goes together with the next group. Each caller hears of its
 * own request alone; a pass that fails fails for all in it.
 */
export function createIssueTogether(ca: CaContext): IssueTogether {
  const groups = new Map<string, Waiting[]>();
  let underWay = 0;
  let scheduled = false;

  async function run(waiting: readonly Waiting[], first: SingleRequest): Promise<void> {
    const { act, context } = first;
    try {
      const requests = waiting.map(({ request }) => request.input);
      const chunk = await ca.steps.prepare({ context, requests, at: act.at });
      const outcomes = await issue(ca, { act, fleetId: context.fleet.id, batchId: null, chunk });
      waiting.forEach(({ resolve }, i) => {
        resolve(outcomes[i] as IssueOutcome);
      });
    } catch (failure) {
      for (const { reject } of waiting) reject(failure);
    }
  }

  function start(): void {
    scheduled = false;
    for (const [group, waiting] of groups) {
      if (underWay >= GROUPS_UNDER_WAY) return;
      const taken = waiting.splice(0, MOST_TOGETHER);
      if (waiting.length === 0) groups.delete(group);
      const [first] = taken;
      if (!first) continue;
      underWay++;
      void run(taken, first.request).finally(() => {
        underWay--;
        schedule();
      });
    }
  }

  /** Later in this turn of the event loop, so that what arrives together goes together. */
  function schedule(): void {
    if (scheduled || groups.size === 0) return;
    scheduled = true;
    setImmediate(start);
  }

  return (request) =>
    new Promise((resolve, reject) => {
      const group = groupOf(request);
      const waiting = groups.get(group) ?? [];
      waiting.push({ request, resolve, reject });
      groups.set(group, waiting);
      schedule();
    });
}
