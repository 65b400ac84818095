import { LocalFailure } from './local-failure.ts';

/** Labels as `key=value`; the value may hold further `=`. Throws `usage`. */
export function parseLabels(given: readonly string[]): Readonly<Record<string, string>> {
  const labels = new Map<string, string>();
  for (const label of given) {
    const at = label.indexOf('=');
    if (at < 1) throw new LocalFailure('usage', 'A label is given as key=value.');
    const key = label.slice(0, at);
    if (labels.has(key)) throw new LocalFailure('usage', 'A label is given twice.');
    labels.set(key, label.slice(at + 1));
  }
  return Object.fromEntries(labels);
}
