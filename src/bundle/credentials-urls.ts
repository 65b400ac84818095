import { gatewayUrlFault } from '../ca/index.ts';
import { type CredentialsContents, decodeText, type Finding, findingAt } from './credentials-finding.ts';

/** The URL of an entry as the tools take it: they cut white space off. Undefined where there is no text. */
export function readUrl(contents: CredentialsContents, name: string): string | undefined {
  const octets = contents.get(name);
  const text = octets && decodeText(octets)?.trim();
  return text === '' ? undefined : text;
}

/** What is the matter with the octets round a URL. */
function textFindings(name: string, octets: Uint8Array): readonly Finding[] {
  const { error, warning } = findingAt(name);
  const text = decodeText(octets);
  if (text === undefined) return [error('is not UTF-8')];
  if (text.trim() === '') return [error('is empty')];
  if (text.startsWith('\ufeff'))
    return [error('begins with a byte order mark, which becomes part of the URL')];
  return text === text.trim()
    ? []
    : [warning('has a line end or white space round the URL; not every reader cuts it off')];
}

/** The gateway's URL, to which clients append their paths as it stands. */
export function gatewayUrlFindings(contents: CredentialsContents): readonly Finding[] {
  const name = 'autoprov.url';
  const octets = contents.get(name);
  if (octets === undefined) return [];
  const { error } = findingAt(name);
  const fault = gatewayUrlFault(readUrl(contents, name) ?? '');
  const found = textFindings(name, octets);
  return fault === undefined || found.some(({ severity }) => severity === 'error')
    ? found
    : [...found, error(fault)];
}

/** A base URL of a server that build machines talk to, wherever it is written. */
export function serverUrlFindings(entry: string, what: string, text: string): readonly Finding[] {
  const { error, warning } = findingAt(entry);
  const says = (words: string): string => (what === '' ? words : `${what} ${words}`);
  if (!URL.canParse(text)) return [error(says('is not a URL'))];
  const { protocol, username, password } = new URL(text);
  if (protocol !== 'https:' && protocol !== 'http:') return [error(says('must begin with https://'))];
  return [
    ...(protocol === 'http:'
      ? [warning(says('begins with http: passwords, tokens and images go there unprotected'))]
      : []),
    ...(username !== '' || password !== '' ? [error(says('must not hold credentials'))] : []),
    ...(text.endsWith('/')
      ? [warning(says('ends with a slash: tools that append their paths to it double that'))]
      : []),
  ];
}

/** An entry that is the URL of a server for build machines. */
export function buildUrlFindings(contents: CredentialsContents, name: string): readonly Finding[] {
  const octets = contents.get(name);
  if (octets === undefined) return [];
  const found = textFindings(name, octets);
  if (found.some(({ severity }) => severity === 'error')) return found;
  return [...found, ...serverUrlFindings(name, '', readUrl(contents, name) ?? '')];
}
