import type { Store } from './store.ts';

/** What every call asks again, and hardly ever changes: who asks, of which fleet, under which authorities. */
const REMEMBERED = ['findToken', 'findFleet', 'findFleetById', 'listGenerations'] as const;
/** All that can change an answer to those. */
const CHANGING = [
  'createFleet',
  'recordFleetTerms',
  'recordGenerationIntent',
  'recordGenerationIssued',
  'recordGenerationImported',
  'recordLinkIssued',
  'moveGeneration',
  'compromiseGeneration',
  'giveUpKey',
  'recordDestroyed',
  'recordToken',
  'revokeToken',
] as const;

/** Answers kept; a guess at names makes no more of them. */
const MOST_ANSWERS = 4_096;

type Method = (...args: readonly unknown[]) => Promise<unknown>;

/**
 * Keeps answers to the reads that every call makes, so that a request does not cross between threads
 * for them. One service works on one file, and everything that changes an answer goes through here: an
 * answer is forgotten before such a command begins and after it ends, and one that was asked for
 * meanwhile is not kept. Never for a database that others write to.
 */
export function rememberReads(store: Store): Store {
  const answers = new Map<string, Promise<unknown>>();
  let changes = 0;
  const forget = (): void => {
    changes++;
    answers.clear();
  };

  const remembering =
    (name: string, read: Method): Method =>
    (...args) => {
      const key = `${name}/${typeof args[0]}/${String(args[0])}`;
      const known = answers.get(key);
      if (known) return known;
      const before = changes;
      const answer = read(...args);
      const keep = (value: unknown): void => {
        if (value === undefined || before !== changes || answers.size >= MOST_ANSWERS) answers.delete(key);
      };
      answers.set(key, answer);
      // A failure is the caller's to hear, and nobody's to remember.
      answer.then(keep, () => answers.delete(key));
      return answer;
    };

  const changing =
    (change: Method): Method =>
    (...args) => {
      forget();
      return change(...args).finally(forget);
    };

  const methods = store as unknown as Record<string, Method>;
  const wrapped = [
    ...REMEMBERED.map((name) => [name, remembering(name, methods[name] as Method)] as const),
    ...CHANGING.map((name) => [name, changing(methods[name] as Method)] as const),
  ];
  return { ...store, ...Object.fromEntries(wrapped) };
}
