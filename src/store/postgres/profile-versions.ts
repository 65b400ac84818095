import { build } from '../session.ts';
import { Overtaken } from './failure.ts';
import type { PostgresSession } from './session.ts';
import type { Transaction } from './transaction.ts';

interface Profile {
  readonly profile: string;
  readonly profileDigest: Uint8Array;
}

const nameOf = ({ profile, profileDigest }: Profile): string =>
  `profile ${Buffer.from(profileDigest).toString('hex')} ${profile}`;

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
  transaction: Transaction,
  profiles: readonly Profile[],
): Promise<readonly number[]> {
  const ids: number[] = [];
  for (const profile of profiles) {
    ids.push(await transaction.remember(nameOf(profile), () => readOrMake(transaction, profile)));
  }
  return ids;
}
