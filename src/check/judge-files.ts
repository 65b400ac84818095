import type { Parts } from './find-parts.ts';
import { type Finding, fail, warn } from './finding.ts';
import type { ReadFile } from './read-file.ts';

const OTHERS = 0o077;

const octal = (mode: number): string => mode.toString(8).padStart(4, '0');

/** Who else may read a private key. */
const modeFinding = ({ path, mode, key }: ReadFile): readonly Finding[] =>
  key !== null && mode !== null && (mode & OTHERS) !== 0
    ? [
        warn(
          'file-too-open',
          path,
          `It holds a private key, and its mode is ${octal(mode)}: others than its owner may read it.`,
        ),
      ]
    : [];

/** OpenSSL 3 opens these with its legacy provider alone. */
const OLD_CIPHERS: ReadonlySet<string> = new Set(['pbe-sha1-rc2-40', 'pbe-sha1-rc2-128']);

function pkcs12Finding({ path, pkcs12 }: ReadFile): readonly Finding[] {
  const old = pkcs12?.schemes.find((scheme) => OLD_CIPHERS.has(scheme));
  return old
    ? [
        warn(
          'pkcs12-old-cipher',
          path,
          `It is protected with ${old}, which OpenSSL 3 opens with its legacy provider alone.`,
        ),
      ]
    : [];
}

function faultFinding(file: ReadFile, parts: Parts): readonly Finding[] {
  if (file.fault === null || file === parts.configuration) return [];
  if (/\.(?:p12|pfx)$/i.test(file.path)) return [fail('pkcs12-unreadable', file.path, `It ${file.fault}`)];
  const isNeeded = [parts.client, parts.key, parts.serverRoot].includes(file);
  const says = `It ${file.fault}`;
  return [isNeeded ? fail('file-unreadable', file.path, says) : warn('file-unreadable', file.path, says)];
}

/** `scp -pr DIR root@dev:/var/sota/import` puts the folder into the one that is there, where nothing looks. */
function nestedFinding({ client, forAktualizr }: Parts): readonly Finding[] {
  return forAktualizr && client !== null && /^import\/[^/]+$/.test(client.path)
    ? [
        warn(
          'files-nested',
          client.path,
          'It lies in a folder "import" of what was given. On a device that would be /var/sota/import/import, where the client finds nothing.',
        ),
      ]
    : [];
}

/** What can be said of each file by itself, and of where they lie. */
export const judgeFiles = (files: readonly ReadFile[], parts: Parts): readonly Finding[] => [
  ...files.flatMap((file) => [...faultFinding(file, parts), ...modeFinding(file), ...pkcs12Finding(file)]),
  ...nestedFinding(parts),
];
