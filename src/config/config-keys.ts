import { fileKeyOf, flagOf, SETTING_KEYS, SETTINGS, variableOf } from './settings.ts';

export interface ConfigKey {
  /** In the file, with dots for nesting; null: not there. */
  readonly key: string | null;
  readonly variable: string | null;
  readonly flag: string | null;
  readonly default: string;
  readonly meaning: string;
}

/** Every setting of the service, for `--help` and the README. */
export const CONFIG_KEYS: readonly ConfigKey[] = SETTING_KEYS.map((name) => {
  const { fallback, meaning, fallbackText }: { fallback: unknown; meaning: string; fallbackText?: string } =
    SETTINGS[name];
  return {
    key: fileKeyOf(name),
    variable: variableOf(name),
    flag: flagOf(name),
    default: fallbackText ?? (fallback === null ? 'none' : String(fallback)),
    meaning,
  };
});
