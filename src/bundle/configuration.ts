/** A line of a configuration file: a key with its value, or a comment. */
export type ConfigurationLine =
  | readonly [key: string, value: string | boolean]
  | { readonly comment: string };

export type ConfigurationSection = readonly [name: string, lines: readonly ConfigurationLine[]];

function encodeLine(line: ConfigurationLine): string {
  if ('comment' in line) return `# ${line.comment}`;
  const [key, value] = line;
  return `${key} = ${typeof value === 'string' ? `"${value}"` : value}`;
}

/**
 * A configuration of aktualizr, which reads it as INI: one `key = value` a line, no arrays, no comments
 * behind values. Values hold neither quotes nor line ends; nothing would escape them.
 */
export const encodeConfiguration = (sections: readonly ConfigurationSection[]): string =>
  sections.map(([name, lines]) => `[${name}]\n${lines.map(encodeLine).join('\n')}\n`).join('\n');

/** What the devices tell the server that they are, where the fleet says it. */
export const hardwareSection = (hardwareId: string | null): readonly ConfigurationSection[] =>
  hardwareId === null ? [] : [['provision', [['primary_ecu_hardware_id', hardwareId]]]];
