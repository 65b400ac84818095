import type { IncomingMessage } from 'node:http';

/** A string of a list (RFC 8941, 3.3.3). */
const STRING = /"((?:[^"\\]|\\["\\])*)"/g;

/** What the service says beside a bundle, which has no place for it. */
export function readWarnings({ headers }: Pick<IncomingMessage, 'headers'>): readonly string[] {
  const list = String(headers['bundle-warnings'] ?? '');
  return [...list.matchAll(STRING)].map(([, text = '']) => text.replaceAll(/\\(["\\])/g, '$1'));
}
