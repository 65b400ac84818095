/** What a device is configured with: section, key, value, without their quotes. */
export type Configuration = ReadonlyMap<string, ReadonlyMap<string, string>>;

const SECTION = /^\[([A-Za-z0-9_.-]+)\]$/;
const ENTRY = /^([A-Za-z0-9_.-]+)\s*=\s*(.*)$/;

const unquoted = (text: string): string => /^"(.*)"$/.exec(text)?.[1] ?? text;

const isNothing = (line: string): boolean => line === '' || /^[#;]/.test(line);

/**
 * Reads a configuration as aktualizr does, which is as an INI file: one `key = value` a line, comments on
 * lines of their own. A sentence where a line is neither.
 */
export function readConfiguration(text: string): Configuration | string {
  const sections = new Map<string, Map<string, string>>();
  let open = new Map<string, string>();
  for (const [i, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim();
    const [, section] = SECTION.exec(line) ?? [];
    const [, key, value = ''] = ENTRY.exec(line) ?? [];
    if (section !== undefined) {
      open = sections.get(section) ?? new Map();
      sections.set(section, open);
    } else if (key !== undefined) open.set(key, unquoted(value));
    else if (!isNothing(line)) return `line ${i + 1} is neither a section nor a key with its value`;
  }
  return sections;
}

export const settingOf = (configuration: Configuration | null, section: string, key: string): string | null =>
  configuration?.get(section)?.get(key) || null;
