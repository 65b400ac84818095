import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const run = promisify(execFile);

interface Cruise {
  readonly modules: readonly { readonly source: string }[];
  readonly summary: {
    readonly violations: readonly {
      readonly from: string;
      readonly to: string;
      readonly rule: { readonly name: string };
    }[];
  };
}

/** Runs the boundary check over `src` of a folder, as `npm run boundaries` does. */
async function cruise(cwd: string): Promise<Cruise> {
  const command = join(root, 'node_modules/.bin/depcruise');
  const args = ['src', '--config', '.dependency-cruiser.cjs', '--output-type', 'json'];
  // It exits with the number of errors; the answer is on stdout all the same.
  const { stdout } = await run(command, args, { cwd, maxBuffer: 64 * 1024 * 1024 }).catch((error) => error);
  return JSON.parse(stdout);
}

/**
 * A violation for each kind of rule, planted in a copy: its file, what it says, and the rule that must
 * catch it (undefined: it is the other end of one).
 */
const PLANTED = [
  ['src/asn1/planted-room.ts', "export { openStore } from '../store/index.ts';", 'room-asn1'],
  [
    'src/asn1/planted-type.ts',
    "import type { Store } from '../store/index.ts';\nexport type S = Store;",
    'room-asn1',
  ],
  ['src/http/planted-door.ts', "export { gather } from '../batch/gather.ts';", 'through-the-door'],
  [
    'src/http/planted-library.ts',
    "import { ZipFile } from 'yazl';\nexport const z = ZipFile;",
    'only-bundle-imports-yazl',
  ],
  [
    'src/store/planted-library.ts',
    "import * as pkijs from 'pkijs';\nexport const p = pkijs;",
    'only-x509-imports-pkijs',
  ],
  ['src/ca/planted-log.ts', "export * from '../log.ts';", 'core-does-not-log'],
  ['src/ca/planted-folder.ts', "export * from '../folder.ts';", 'core-makes-no-folder'],
  ['src/policy/planted-disk.ts', "export { readFileSync } from 'node:fs';", 'pure-core'],
  ['src/http/planted-main.ts', "export * from '../main.ts';", 'main-is-the-top'],
  ['src/utils/planted.ts', 'export const planted = 1;', undefined],
  ['src/ca/planted-utils.ts', "export { planted } from '../utils/planted.ts';", 'no-unknown-room'],
  ['src/batch/planted-a.ts', "export * from './planted-b.ts';", 'no-circular'],
  ['src/batch/planted-b.ts', "export * from './planted-a.ts';", undefined],
] as const;

const copy = mkdtempSync(join(tmpdir(), 'fleetca-boundaries-'));
afterAll(() => rmSync(copy, { recursive: true, force: true }));

describe('the boundaries between the rooms', () => {
  let cruised: Cruise;

  beforeAll(async () => {
    for (const entry of ['src', '.dependency-cruiser.cjs', 'tsconfig.json', 'package.json'])
      cpSync(join(root, entry), join(copy, entry), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
    for (const [file, text] of PLANTED) {
      mkdirSync(dirname(join(copy, file)), { recursive: true });
      writeFileSync(join(copy, file), `${text}\n`);
    }
    cruised = await cruise(copy);
  }, 120_000);

  it('are checked over every module that there is', () => {
    const ours = cruised.modules.filter(({ source }) => source.startsWith('src/'));
    const files = readdirSync(join(copy, 'src'), { recursive: true, encoding: 'utf8' });
    expect(ours.length).toBeGreaterThan(80);
    expect(ours.map(({ source }) => source).toSorted()).toEqual(
      files
        .filter((file) => file.endsWith('.ts'))
        .map((file) => `src/${file}`)
        .toSorted(),
    );
  });

  it('hold but where they were broken on purpose', () => {
    const strays = cruised.summary.violations.filter(({ from }) => !PLANTED.some(([file]) => file === from));
    expect(strays.map(({ from, to, rule }) => `${rule.name}: ${from} → ${to}`)).toEqual([]);
  });

  for (const [file, , rule] of PLANTED.filter(([, , caught]) => caught !== undefined)) {
    it(`are seen to be broken by ${file}: ${rule}`, () => {
      const rules = cruised.summary.violations
        .filter(({ from }) => from === file)
        .map((found) => found.rule.name);
      expect(rules).toContain(rule);
    });
  }

  it('have a rule for every folder of src', () => {
    const { forbidden } = createRequire(import.meta.url)(join(root, '.dependency-cruiser.cjs')) as {
      forbidden: readonly { readonly name: string }[];
    };
    const rooms = readdirSync(join(root, 'src'), { withFileTypes: true }).filter((entry) =>
      entry.isDirectory(),
    );
    const rules = forbidden.map(({ name }) => name);
    for (const { name } of rooms) expect(rules).toContain(`room-${name}`);
  });
});
