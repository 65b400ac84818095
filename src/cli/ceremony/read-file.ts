import { readFile } from 'node:fs/promises';
import { dirname, relative, resolve } from 'node:path';
import { type Ceremony, fitCeremony, hashOf, inputsOf } from '../../ceremony/index.ts';
import { readYamlFile } from '../../config/index.ts';
import { fileFailure, LocalFailure } from '../local-failure.ts';
import { setupFailure } from '../setup-failure.ts';

/** A ceremony's file with all that it names. Paths in it are relative to it. */
export interface CeremonyBrief {
  readonly ceremony: Ceremony;
  /** Octets, by the names of `inputsOf`. */
  readonly files: Readonly<Record<string, Uint8Array>>;
  /** The file itself and those that it names, for the transcript. */
  readonly hashes: readonly { readonly file: string; readonly sha256: string }[];
  /** A path of the file as the system takes it. */
  at(path: string): string;
}

function parse(path: string): Ceremony {
  const yaml = readYamlFile(path);
  if (!yaml) throw new LocalFailure('usage', `${path} does not exist.`);
  const fitted = fitCeremony(yaml.content);
  if ('ceremony' in fitted) return fitted.ceremony;
  throw new LocalFailure('usage', `${path} is no ceremony.`, {
    violations: fitted.violations.map(({ path: steps, at, message }) => ({
      at: `line ${yaml.lineOf(steps)}${at === '' ? '' : `, ${at}`}`,
      message,
    })),
  });
}

async function readOctets(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (failure) {
    throw fileFailure(path, failure);
  }
}

/** Reads a ceremony. Rejects with `usage`, and a violation for each key that does not fit, by its line. */
export async function readCeremonyFile(path: string): Promise<CeremonyBrief> {
  const folder = dirname(resolve(path));
  const at = (named: string): string => resolve(folder, named);
  let ceremony: Ceremony;
  try {
    ceremony = parse(path);
  } catch (failure) {
    throw setupFailure(failure);
  }
  const paths = Object.entries(inputsOf(ceremony));
  const read = await Promise.all(
    paths.map(async ([name, named]) => [name, await readOctets(at(named))] as const),
  );
  const own = await readOctets(path);
  return {
    ceremony,
    files: Object.fromEntries(read),
    hashes: [
      { file: relative(folder, resolve(path)), sha256: hashOf(own) },
      ...read.map(([name, octets], i) => ({ file: paths[i]?.[1] ?? name, sha256: hashOf(octets) })),
    ],
    at,
  };
}
