import { z } from 'zod';
import { decodeText, type Finding, findingAt } from './credentials-finding.ts';
import { serverUrlFindings } from './credentials-urls.ts';

const ENTRY = 'treehub.json';

/** How a build machine logs in at treehub. */
export type TreehubLogin =
  | {
      readonly form: 'oauth2';
      readonly server: string;
      readonly clientId: string;
      readonly clientSecret: string;
      readonly scope: string | null;
    }
  | { readonly form: 'basic'; readonly user: string; readonly password: string }
  | { readonly form: 'none' };

export interface Treehub {
  /** Where OSTree commits go. */
  readonly server: string;
  readonly login: TreehubLogin;
}

const loginJson = (login: TreehubLogin): object => {
  switch (login.form) {
    case 'oauth2': {
      const { server, clientId, clientSecret, scope } = login;
      const scoped = scope === null ? {} : { scope };
      return { oauth2: { server, client_id: clientId, client_secret: clientSecret, ...scoped } };
    }
    case 'basic':
      return { basic_auth: { user: login.user, password: login.password } };
    case 'none':
      return { no_auth: true };
  }
};

/** `treehub.json`, as garage-push and its like read it. */
export const encodeTreehub = ({ server, login }: Treehub): string =>
  `${JSON.stringify({ ostree: { server }, ...loginJson(login) }, null, 2)}\n`;

const text = z.string().min(1);

const SCHEMAS = {
  ostree: z.looseObject({ server: text }),
  oauth2: z.looseObject({ server: text, client_id: text, client_secret: text, scope: z.string().optional() }),
  basic_auth: z.looseObject({ user: text, password: z.string() }),
  no_auth: z.literal(true),
} as const;
type Member = keyof typeof SCHEMAS;
const LOGINS = ['oauth2', 'basic_auth', 'no_auth'] as const;

/** What people write, also after manuals, and what it should be. */
const MISSPELT: ReadonlyMap<string, string> = new Map([
  ['oauth', 'oauth2'],
  ['basic', 'basic_auth'],
  ['basicAuth', 'basic_auth'],
  ['noAuth', 'no_auth'],
  ['username', 'user'],
  ['clientId', 'client_id'],
  ['clientSecret', 'client_secret'],
  ['secret', 'client_secret'],
]);

function misspelt(where: string, value: object): readonly Finding[] {
  const { error } = findingAt(ENTRY);
  return Object.keys(value).flatMap((key) => {
    const right = MISSPELT.get(key);
    return right === undefined || Object.hasOwn(value, right)
      ? []
      : [error(`${where}the key "${key}" is not read; it is "${right}"`)];
  });
}

/** What does not fit in a member, told without its value, which may be a secret. */
function memberFindings(json: object, name: Member): readonly Finding[] {
  const { error } = findingAt(ENTRY);
  const value: unknown = (json as Readonly<Record<string, unknown>>)[name];
  const spelt = typeof value === 'object' && value !== null ? misspelt(`in "${name}", `, value) : [];
  const result = SCHEMAS[name].safeParse(value);
  if (result.success) return spelt;
  const paths = result.error.issues.map(({ path }) => [name, ...path].join('.'));
  return [
    ...spelt,
    ...[...new Set(paths)].map((path) => error(`"${path}" is missing, or is not what it must be`)),
  ];
}

function oauthFindings({
  server,
  scope = null,
}: {
  server: string;
  scope?: string | undefined | null;
}): readonly Finding[] {
  const { warning } = findingAt(ENTRY);
  // With a scope, a server that ends in /token is asked as it stands.
  const odd =
    server.endsWith('/token') && scope === null
      ? [warning('"oauth2" has no scope, so /token is appended to its server, which ends in that already')]
      : [];
  return [...serverUrlFindings(ENTRY, 'the server of "oauth2"', server), ...odd];
}

function loginFindings(json: object, present: readonly Member[]): readonly Finding[] {
  const { error, warning } = findingAt(ENTRY);
  if (present.length === 0) return [error('says no way to log in: oauth2, basic_auth, or no_auth')];
  const several = present.length > 1 ? [warning(`says several ways to log in: ${present.join(', ')}`)] : [];
  const oauth = SCHEMAS.oauth2.safeParse((json as { oauth2?: unknown }).oauth2);
  return [...several, ...(oauth.success ? oauthFindings(oauth.data) : [])];
}

function parseObject(octets: Uint8Array): object | undefined {
  try {
    const json: unknown = JSON.parse(decodeText(octets) ?? '');
    return typeof json === 'object' && json !== null && !Array.isArray(json) ? json : undefined;
  } catch {
    // What is not JSON may hold a secret, and the parser's message quotes it.
    return undefined;
  }
}

/** Judges `treehub.json`. `hasClientCertificate`: client_auth.p12 is there, which selects TLS. */
export function treehubFindings(octets: Uint8Array, hasClientCertificate: boolean): readonly Finding[] {
  const { error, warning } = findingAt(ENTRY);
  const json = parseObject(octets);
  if (json === undefined) return [error('is not a JSON object')];
  // `"no_auth": false` is as if it were not there.
  const present = LOGINS.filter(
    (name) => ((json as Readonly<Partial<Record<Member, unknown>>>)[name] ?? false) !== false,
  );
  const ostree = SCHEMAS.ostree.safeParse((json as { ostree?: unknown }).ostree);
  const faults = [
    ...misspelt('', json),
    ...(['ostree', ...present] as const).flatMap((name) => memberFindings(json, name)),
    ...(ostree.success ? serverUrlFindings(ENTRY, 'the server of "ostree"', ostree.data.server) : []),
  ];
  if (!hasClientCertificate) {
    // A misspelt login has been told.
    const spelt = faults.some(({ message }) => message.includes('is not read; it is'));
    return [...faults, ...(present.length === 0 && spelt ? [] : loginFindings(json, present))];
  }
  const passedOver = present.filter((name) => name !== 'no_auth');
  return [
    ...faults,
    ...(passedOver.length > 0
      ? [warning(`client_auth.p12 is there, so ${passedOver.join(' and ')} is passed over`)]
      : []),
  ];
}
