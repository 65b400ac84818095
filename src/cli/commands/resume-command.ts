import type { GlobalOptions } from '../invocation.ts';
import type { LotTerms } from './batch-exchange.ts';

/** A word of a shell. */
const quoted = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;

const dashed = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

interface Stopped {
  readonly source: string;
  readonly terms: LotTerms;
  readonly options: { readonly out?: string };
  readonly globals: GlobalOptions;
}

/**
 * The command that goes on with a lot, to be pasted into a shell. It names what the service may not have
 * heard of yet, and how it was reached.
 */
export function resumeCommand({ source, terms, options, globals }: Stopped): string {
  const { id, recipient, ...plain } = terms;
  // By name: what was parsed for the command holds all of its options, too.
  const { url, tokenFile, pin, caFile, data, json } = globals;
  const reached = { url, tokenFile, pin, caFile, data, json };
  const rest = { ...plain, recipient: recipient?.path, out: options.out, ...reached };
  const flags = Object.entries(rest).flatMap(([name, value]) => {
    if (value === undefined) return [];
    return value === true ? [`--${dashed(name)}`] : [`--${dashed(name)}`, String(value)];
  });
  return ['fleetca', 'batch', 'resume', id, source, ...flags].map(quoted).join(' ');
}
