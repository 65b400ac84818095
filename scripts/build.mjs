// `npm run build`: src to dist/. Node takes about a millisecond to find and read each module, and a start
// of the service needs a thousand of them in four threads: so what the program imports goes into a few
// files. It checks no types; `npm run types` does.
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));

/** What is run as a command, a thread or a process of its own (`builtModule`). */
const RUN = [
  'cli/main',
  'pool/worker',
  'store/sqlite-thread',
  'keystore/pkcs11/token-host',
  'cli/bench/ceiling-lane',
  'cli/bench/lot-writer',
];
/** Doors that tests go in by, where what they test has threads. */
const DOORS = ['main', 'log', 'config/index', 'store/index', 'pool/index', 'keystore/index'];
/** They bring machine code, and load it from their own folder. */
const NATIVE = ['better-sqlite3', 'better-sqlite3-napi', 'pkcs11js', 'pg-native'];

rmSync(new URL('../dist', import.meta.url), { recursive: true, force: true });
await build({
  absWorkingDir: root,
  entryPoints: [...RUN, ...DOORS].map((entry) => `src/${entry}.ts`),
  outbase: 'src',
  outdir: 'dist',
  chunkNames: 'chunks/[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  sourcemap: true,
  // What is imported by name has to have names: the newer form of a package, where it has both.
  mainFields: ['module', 'main'],
  external: NATIVE,
  // What packages in the older form take for granted.
  banner: {
    js: [
      "import { createRequire as fleetcaRequire } from 'node:module';",
      "import { dirname as fleetcaFolder } from 'node:path';",
      "import { fileURLToPath as fleetcaPath } from 'node:url';",
      'const require = fleetcaRequire(import.meta.url);',
      'const __filename = fleetcaPath(import.meta.url);',
      'const __dirname = fleetcaFolder(__filename);',
    ].join('\n'),
  },
  logLevel: 'warning',
});
