import { build } from '../session.ts';
import { Overtaken } from './failure.ts';
import type { PostgresSession } from './session.ts';

interface Profile {
  readonly profile: string;
  readonly profileDigest: Uint8Array;
}

const nameOf = ({ profile, profileDigest }: Profile): string =>
  `${Buffer.from(profileDigest).toString('hex')} ${profile}`;

async function readOrMake(session: PostgresSession, { profile, profileDigest }: Profile): Promise<number> {
  const find = build
    .selectFrom('profile_version')
    .select('id')
    .where('name', '=', profile)
    .where('digest', '=', profileDigest);
  const known = await session.first(find);
  if (known) return known.id;
  const made = await session.first(
    build
      .insertInto('profile_version')
      .values({ name: profile, digest: profileDigest })
      .onConflict((conflict) => conflict.doNothing())
      .returning('id'),
  );
  if (!made) throw new Overtaken('a profile was recorded by another writer');
  return made.id;
}

/** The numbers of profiles as they are now, one for each of those asked; a chunk has a few different ones. */
export async function profileVersions(
  session: PostgresSession,
  profiles: readonly Profile[],
): Promise<readonly number[]> {
  const ids = new Map<string, number>();
  for (const profile of profiles) {
    const name = nameOf(profile);
    if (!ids.has(name)) ids.set(name, await readOrMake(session, profile));
  }
  return profiles.map((profile) => ids.get(nameOf(profile)) ?? 0);
}
