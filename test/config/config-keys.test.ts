import { describe, expect, test } from 'vitest';
import { CONFIG_KEYS, ConfigError, loadConfig } from '../../src/config/index.ts';
import { SETTING_KEYS, SETTINGS } from '../../src/config/settings.ts';
import { scratchFolder } from './scratch.ts';

/** What one setting of a source leads to: nothing, or the complaint about its value. */
function complaints(input: Parameters<typeof loadConfig>[0]): string {
  try {
    loadConfig({ env: {}, ...input });
    return '';
  } catch (failure) {
    if (failure instanceof ConfigError) return failure.message;
    throw failure;
  }
}

describe('the table of settings', () => {
  test('has every setting of the schema, and every leaf of a loaded configuration', () => {
    expect(CONFIG_KEYS).toHaveLength(SETTING_KEYS.length);
    const inFile = SETTING_KEYS.filter((key) => CONFIG_KEYS.some((row) => row.key === key));
    expect(SETTING_KEYS.filter((key) => !inFile.includes(key))).toEqual(['config', 'passphrase']);

    const { api, public: pages, rateLimit, logLevel, data } = loadConfig({ env: {} });
    const groups = Object.entries({ api, public: pages, rateLimit });
    const leaves = groups.flatMap(([name, group]) => Object.keys(group).map((leaf) => `${name}.${leaf}`));
    for (const leaf of [...leaves, ...Object.keys({ logLevel, data })]) expect(inFile).toContain(leaf);
  });

  test('says what each is, and names variables and flags in one way', () => {
    expect(CONFIG_KEYS.find(({ key }) => key === 'rateLimit.requestsPerMinute')).toEqual({
      key: 'rateLimit.requestsPerMinute',
      variable: 'FLEETCA_RATE_LIMIT_REQUESTS_PER_MINUTE',
      flag: '--rate-limit-requests-per-minute',
      default: '6000',
      meaning: 'requests to the API that one source may make in a minute',
    });
    expect(CONFIG_KEYS.find(({ key }) => key === 'databaseUrl')).toMatchObject({
      variable: 'DATABASE_URL',
      flag: null,
    });
    expect(CONFIG_KEYS.find(({ variable }) => variable === 'FLEETCA_PASSPHRASE')).toMatchObject({
      key: null,
      flag: null,
    });
    for (const row of CONFIG_KEYS) expect(row.default.length * row.meaning.length).toBeGreaterThan(0);
  });

  test.each(SETTING_KEYS.map((name, i) => [name, CONFIG_KEYS[i]] as const))(
    'tells the truth of %s: each place is read',
    (name, row) => {
      // Empty text fits no setting, so a place that is read complains.
      const { due } = SETTINGS[name];
      expect(due).toMatch(/^must /);
      if (row?.variable)
        expect(complaints({ env: { [row.variable]: '' } })).toContain(`${row.variable} ${due}.`);
      if (row?.flag) {
        const option = row.flag.slice(2).replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
        expect(complaints({ flags: { [option]: '' } })).toContain(`${row.flag} ${due}.`);
      }
      if (row?.key) {
        const nested = row.key.split('.').reduceRight<unknown>((inner, part) => ({ [part]: inner }), '');
        const folder = scratchFolder({ 'a.yaml': JSON.stringify(nested) });
        expect(complaints({ flags: { config: `${folder}/a.yaml` } })).toContain(`a.yaml: ${row.key} ${due}.`);
      }
    },
  );
});
