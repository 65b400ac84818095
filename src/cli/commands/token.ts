import { type FileHandle, open, rm } from 'node:fs/promises';
import { segment, withClient } from '../client/client.ts';
import { callJson, postJson, readPages } from '../client/json.ts';
import type { Invocation } from '../invocation.ts';
import { parseLabels } from '../labels.ts';
import { showList } from '../list.ts';
import { fileFailure } from '../local-failure.ts';
import { show } from '../output.ts';

interface Token {
  readonly id: string;
  readonly name: string;
  readonly role: string;
  readonly rights: readonly string[];
  readonly fleet: string | null;
  readonly expiresAt: string;
  readonly revokedAt: string | null;
  readonly quota: { readonly total: number | null; readonly perHour: number | null };
  readonly spent: { readonly total: number };
}

interface TokenWithSecret extends Token {
  readonly token: string;
}

interface NewToken {
  readonly name: string;
  readonly role: string;
  readonly fleet?: string;
  readonly right?: string;
  readonly quota?: number;
  readonly quotaPerHour?: number;
  readonly label?: readonly string[];
  readonly profile?: readonly string[];
  readonly idPattern?: string;
  readonly days?: number;
  readonly out?: string;
}

/** What the API calls it; what was not given is left out. */
const requestOf = ({ name, role, fleet, right, days, ...bounds }: NewToken) => ({
  name,
  role,
  fleet: fleet ?? null,
  rights: right === undefined ? [] : [right],
  validityDays: days,
  ...(bounds.quota === undefined && bounds.quotaPerHour === undefined
    ? {}
    : { quota: { total: bounds.quota, perHour: bounds.quotaPerHour } }),
  labels: bounds.label && parseLabels(bounds.label),
  profiles: bounds.profile,
  idPattern: bounds.idPattern,
});

const askFor = (invocation: Invocation, wish: NewToken): Promise<TokenWithSecret> => {
  const call = postJson('/v1/tokens', requestOf(wish));
  return withClient(invocation, (client) => callJson<TokenWithSecret>(client, call));
};

/** A new file, 0600 from the start, opened before the token is made: one that cannot be kept is not made. */
async function openNew(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'wx', 0o600);
  } catch (failure) {
    throw fileFailure(path, failure);
  }
}

async function createInFile(invocation: Invocation, wish: NewToken, out: string): Promise<Token> {
  const handle = await openNew(out);
  try {
    const { token, ...rest } = await askFor(invocation, wish);
    await handle.writeFile(`${token}\n`);
    await handle.sync();
    return rest;
  } catch (failure) {
    await rm(out, { force: true });
    throw failure;
  } finally {
    await handle.close();
  }
}

const sentence = ({ id, role, fleet, expiresAt }: Token): string =>
  `Token ${id}: role ${role}, ${fleet === null ? 'all fleets' : `fleet ${fleet}`}, until ${expiresAt}.`;

/** `token create`: the token alone on stdout, or in a new file. */
export async function createToken(invocation: Invocation, wish: NewToken): Promise<undefined> {
  const { output } = invocation;
  if (wish.out !== undefined) {
    const made = await createInFile(invocation, wish, wish.out);
    await show(output, { ...made, out: wish.out }, () => '');
    if (!output.json) output.say(`${sentence(made)} It is in ${wish.out}.`);
    return;
  }
  const made = await askFor(invocation, wish);
  await show(output, made, ({ token }) => `${token}\n`);
  if (!output.json) output.say(`${sentence(made)} It is shown this once.`);
}

/** `12/500, 100 an hour`. */
const quotaText = ({ quota, spent }: Token): string | null =>
  [
    ...(quota.total === null ? [] : [`${spent.total}/${quota.total}`]),
    ...(quota.perHour === null ? [] : [`${quota.perHour} an hour`]),
  ].join(', ') || null;

const stateOf = ({ expiresAt, revokedAt }: Token, now: Date): string => {
  if (revokedAt !== null) return 'revoked';
  return new Date(expiresAt) <= now ? 'expired' : 'valid';
};

/** `token list`. */
export async function listTokens(invocation: Invocation): Promise<undefined> {
  const now = new Date();
  await withClient(invocation, (client) =>
    showList(invocation.output, readPages<Token>(client, '/v1/tokens'), {
      headings: ['ID', 'ROLE', 'FLEET', 'STATE', 'EXPIRES', 'RIGHTS', 'QUOTA', 'NAME'],
      cells: (token) => [
        token.id,
        token.role,
        token.fleet ?? 'all',
        stateOf(token, now),
        token.expiresAt,
        token.rights.join(' ') || null,
        quotaText(token),
        token.name,
      ],
    }),
  );
}

/** `token revoke`. */
export async function revokeToken(invocation: Invocation, id: string): Promise<undefined> {
  const { output } = invocation;
  await withClient(invocation, async (client) => {
    const call = { method: 'DELETE', path: `/v1/tokens/${segment(id)}`, isRepeatable: true } as const;
    (await client.send(call)).resume();
  });
  await show(output, { id, revoked: true }, () => '');
  if (!output.json) output.say(`Token ${id} is worth nothing from now on.`);
}
