import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Debian keeps the programs of a server out of the path, a folder a version. */
const DEBIAN = '/usr/lib/postgresql';

const versions = (): readonly string[] =>
  existsSync(DEBIAN) ? readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a)) : [];

/** The folder with PostgreSQL's initdb and postgres, the newest of Debian's or one in the path. */
export function postgresPrograms(): string {
  const folders = [
    ...versions().map((version) => join(DEBIAN, version, 'bin')),
    ...(process.env.PATH ?? '').split(delimiter),
  ];
  const found = folders.find((folder) =>
    ['initdb', 'postgres'].every((name) => existsSync(join(folder, name))),
  );
  if (found === undefined) throw new Error('PostgreSQL is not installed: COUNTERPARTS in scripts/test.mjs');
  return found;
}
