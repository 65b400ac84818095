import { build, type Session } from './session.ts';

interface Version {
  readonly id: number;
  readonly digest: Uint8Array;
}

function readOrMake(session: Session, name: string, digest: Uint8Array): Version {
  const known = session.first(
    build.selectFrom('profile_version').select('id').where('name', '=', name).where('digest', '=', digest),
  );
  const id = known?.id ?? session.run(build.insertInto('profile_version').values({ name, digest })).id;
  // A copy: the caller's octets may be a view of a buffer that is gone by the next chunk.
  return { id, digest: Uint8Array.from(digest) };
}

/** The number of a profile as it is now; made where intents of it were never recorded before. */
export function profileVersion(session: Session, name: string, digest: Uint8Array): number {
  const last = session.remember(`profile ${name}`, () => readOrMake(session, name, digest));
  return Buffer.compare(last.digest, digest) === 0 ? last.id : readOrMake(session, name, digest).id;
}
