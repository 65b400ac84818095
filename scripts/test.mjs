// `npm test`: what the tests need from the machine, then check, and everything that runs the whole
// service, which is built first: flows, interop and short crash runs.
import { spawnSync } from 'node:child_process';

/** Programs that tests run as counterparts, by the Debian package that brings each. */
const COUNTERPARTS = {
  openssl: 'openssl',
  curl: 'curl',
  strace: 'strace',
  faketime: 'faketime',
  postgres: 'postgresql',
  sshd: 'openssh-server',
  ssh: 'openssh-client',
  busybox: 'busybox',
  nginx: 'nginx',
  haproxy: 'haproxy',
  script: 'bsdutils',
  certtool: 'gnutls-bin',
  'softhsm2-util': 'softhsm2',
  'pkcs11-tool': 'opensc',
  'pkcs11.so': 'libengine-pkcs11-openssl',
  'p11-kit': 'p11-kit',
  'p11-kit-client.so': 'p11-kit-modules',
};

/** What nearly every test asks: without them there would be little left to run. */
const NEEDED = new Set(['openssl', 'curl']);
const OPTIONAL = Object.keys(COUNTERPARTS).filter((program) => !NEEDED.has(program));

const skipped = new Set((process.env.FLEETCA_TEST_SKIP ?? '').split(',').filter(Boolean));
const misfits = [...skipped].filter((program) => !OPTIONAL.includes(program));
if (misfits.length > 0) {
  console.error(
    `FLEETCA_TEST_SKIP: ${misfits.join(', ')} cannot be left out. These can: ${OPTIONAL.join(', ')}.`,
  );
  process.exit(2);
}
/** Debian keeps the programs of PostgreSQL's server, and what OpenSSL loads, out of the path. */
const has = (program) =>
  spawnSync('sh', [
    '-c',
    `command -v ${program} || ls /usr/sbin/${program} /usr/lib/postgresql/*/bin/${program} /usr/lib/*/engines-3/${program} /usr/lib/*/pkcs11/${program}`,
  ]).stdout.length > 0;
const run = (command, args, env = {}) =>
  spawnSync(command, args, { stdio: 'inherit', env: { ...process.env, ...env } }).status === 0;

/** Installs packages without starting what they bring; only as root on Debian, where that is ours to do. */
function install(packages) {
  const line = `apt-get install -y --no-install-recommends ${packages.join(' ')}`;
  const mayInstall = process.getuid?.() === 0 && has('apt-get');
  if (!mayInstall) {
    console.error(`The tests need: ${packages.join(', ')}. Install them with:\n\n  sudo ${line}\n`);
    console.error('or leave counterparts out: FLEETCA_TEST_SKIP=strace,… npm test');
    return false;
  }
  // invoke-rc.d asks this program whether a service may start: for the length of the install, none may.
  const policy = '/usr/sbin/policy-rc.d';
  const script = `
    if [ ! -e ${policy} ]; then
      trap 'rm -f ${policy}' EXIT
      printf '#!/bin/sh\\nexit 101\\n' > ${policy} && chmod 755 ${policy}
    fi
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive ${line} > /dev/null`;
  return run('sh', ['-ec', script]);
}

const missing = Object.keys(COUNTERPARTS).filter((program) => !skipped.has(program) && !has(program));
const steps = [
  () => missing.length === 0 || install([...new Set(missing.map((program) => COUNTERPARTS[program]))]),
  () => run('node', ['scripts/check.mjs']),
  () => run('npx', ['vitest', 'run', '--project', 'whole', '--project', 'now', '--project', 'postgres']),
];
process.exitCode = steps.every((step) => step()) ? 0 : 1;
