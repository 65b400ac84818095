import { readFileSync } from 'node:fs';
import { parseDocument } from 'yaml';
import { ConfigError } from './config-error.ts';

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (failure) {
    const code = failure instanceof Error && 'code' in failure ? String(failure.code) : undefined;
    if (code === undefined) throw failure;
    if (code === 'ENOENT') return undefined;
    throw new ConfigError([`${path} cannot be read (${code}).`]);
  }
}

/**
 * Reads one YAML document (1.2, core schema, no duplicate keys). undefined: there is no such file.
 * Throws a `ConfigError` that names line and column; the parser's own message would quote the line.
 */
export function readYamlFile(path: string): { readonly content: unknown } | undefined {
  const text = readText(path);
  if (text === undefined) return undefined;
  const document = parseDocument(text, { prettyErrors: true, uniqueKeys: true });
  const faults = [...document.errors, ...document.warnings];
  if (faults.length > 0) {
    throw new ConfigError(
      faults.map(({ code, linePos }) => {
        const where = linePos ? ` in line ${linePos[0].line}, column ${linePos[0].col}` : '';
        return `${path} is not one YAML document: ${code}${where}.`;
      }),
    );
  }
  try {
    return { content: document.toJS() as unknown };
  } catch {
    // Aliases that expand without measure.
    throw new ConfigError([`${path} has too many aliases.`]);
  }
}
