import { readFileSync } from 'node:fs';
import { isNode, LineCounter, parseDocument } from 'yaml';
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

export interface YamlFile {
  readonly content: unknown;
  /** The line of a value, by the way to it; where it is not there, of what it should be in. */
  lineOf(steps: readonly (string | number)[]): number;
}

/**
 * Reads one YAML document (1.2, core schema, no duplicate keys). undefined: there is no such file.
 * Throws a `ConfigError` that names line and column; the parser's own message would quote the line.
 */
export function readYamlFile(path: string): YamlFile | undefined {
  const text = readText(path);
  if (text === undefined) return undefined;
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { prettyErrors: true, uniqueKeys: true, lineCounter });
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
    const lineOf = (steps: readonly (string | number)[]): number => {
      const node = steps.length === 0 ? document.contents : document.getIn(steps, true);
      if (isNode(node) && node.range) return lineCounter.linePos(node.range[0]).line;
      return steps.length === 0 ? 1 : lineOf(steps.slice(0, -1));
    };
    return { content: document.toJS() as unknown, lineOf };
  } catch {
    // Aliases that expand without measure.
    throw new ConfigError([`${path} has too many aliases.`]);
  }
}
