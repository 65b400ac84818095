import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileFailure, LocalFailure } from '../local-failure.ts';

/** Values by `section.key`, as aktualizr reads them. */
export type DeviceConfig = ReadonlyMap<string, string>;

const COMMENT = /^[;#]/;

type Line =
  | { readonly kind: 'section'; readonly name: string }
  | { readonly kind: 'value'; readonly key: string; readonly value: string };

/** One line: null for an empty one and a comment, undefined for what is no line of INI. */
function readLine(raw: string): Line | null | undefined {
  const line = raw.trim();
  if (line === '' || COMMENT.test(line)) return null;
  const [, name] = /^\[([^\]]*)\]/.exec(line) ?? [];
  if (name !== undefined) return { kind: 'section', name: name.trim() };
  const equals = line.indexOf('=');
  if (line.startsWith('[') || equals < 1) return undefined;
  const value = line.slice(equals + 1).trim();
  return { kind: 'value', key: line.slice(0, equals).trim(), value: value.replaceAll('"', '') };
}

/**
 * Reads a configuration as aktualizr does, which takes its .toml for INI: a line has a section in
 * brackets, or `key = value` with every double quote removed; `;` or `#` begins a comment, at the start
 * of a line alone. Refuses `usage` where aktualizr would not start: a line of another kind, a key or a
 * section that stands twice.
 */
export function parseDeviceConfig(text: string, from: string): DeviceConfig {
  const values = new Map<string, string>();
  const sections = new Set<string>();
  let section = '';
  for (const [at, raw] of text.split('\n').entries()) {
    const refuse = (what: string): never => {
      throw new LocalFailure('usage', `${from}, line ${at + 1}: ${what}.`);
    };
    const line = readLine(raw);
    if (line === null) continue;
    if (line === undefined) return refuse('this is neither a section nor key = value');
    if (line.kind === 'section') {
      section = line.name;
      if (sections.has(section)) refuse(`the section [${section}] stands twice`);
      sections.add(section);
      continue;
    }
    const name = `${section}.${line.key}`;
    if (values.has(name)) refuse(`${name} stands twice`);
    values.set(name, line.value);
  }
  return values;
}

async function filesIn(path: string): Promise<readonly string[]> {
  if (!(await stat(path)).isDirectory()) return [path];
  const names = await readdir(path);
  return names
    .filter((name) => name.endsWith('.toml') && !name.startsWith('.'))
    .map((name) => join(path, name));
}

/**
 * Reads files, and the *.toml of folders, together: in the order of their names alone, whatever folder
 * they lie in; what comes later wins. Of two with the same name the one that was given later is read, and
 * the other is not. Rejects with `usage`.
 */
export async function readDeviceConfig(paths: readonly string[]): Promise<DeviceConfig> {
  const byName = new Map<string, string>();
  for (const path of paths) {
    const files = await filesIn(path).catch((failure: unknown) => {
      throw fileFailure(path, failure);
    });
    for (const file of files) byName.set(basename(file), file);
  }
  const merged = new Map<string, string>();
  for (const [, file] of [...byName].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))) {
    const text = await readFile(file, 'utf8').catch((failure: unknown) => {
      throw fileFailure(file, failure);
    });
    for (const [name, value] of parseDeviceConfig(text, file)) merged.set(name, value);
  }
  return merged;
}
