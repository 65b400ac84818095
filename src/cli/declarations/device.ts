import type { TokenKeyKind } from '../../keystore/index.ts';
import { DEVICE_KEY_ALGORITHMS } from '../../x509/index.ts';
import type { Declare } from '../invocation.ts';
import { choice } from './choice.ts';
import { LAYOUTS } from './layouts.ts';
import { REVOKE_OLD } from './revoke-old.ts';
import { wholeNumber } from './whole-number.ts';

/** Here again, so that the command line does not load the keystore to say what it knows. */
const TOKEN_KEY_KINDS = ['ec-p256', 'rsa-2048'] as const satisfies readonly TokenKeyKind[];

const collect = (one: string, before: readonly string[] = []): readonly string[] => [...before, one];

export const declareDevice: Declare = (program, perform) => {
  const device = program.command('device').description('the inventory of a fleet');
  device
    .command('list')
    .description('list devices, in order of ID')
    .requiredOption('--fleet <fleet>')
    .option('--device-id <id>', 'exactly this one')
    .option('--key <digest>', 'whose key it is: SHA-256 of the SubjectPublicKeyInfo, in hex')
    .option('--csv', 'CSV for a spreadsheet')
    .option('--ndjson', 'one JSON object a line')
    .action(perform(async () => (await import('../commands/device.ts')).listDevices));
  device
    .command('create')
    .description('let the service make the key and the certificate of a device (role station or security)')
    .argument('<device>')
    .requiredOption('--fleet <fleet>')
    .requiredOption(
      '--out <path>',
      'folder where client.pem and pkey.pem go, or with --recipient pkey.cms; with --layout the zip',
    )
    .addOption(choice('--layout <layout>', 'a bundle with the key, as a zip', LAYOUTS))
    .option('--passphrase-file <file>', 'its first line encrypts the PKCS#12 file of layout p12')
    .addOption(choice('--key-algorithm <kind>', 'default: ec-p256', DEVICE_KEY_ALGORITHMS))
    .option('--recipient <file>', 'certificate (PEM) that the key is encrypted for')
    .option('--profile <name>', "what the certificate says (default: the target's device profile)")
    .option('--authority <name>', "who issues (default: the fleet's issuing authority, else its root)")
    .option('--not-after <time>', 'RFC 3339; taken as it is, or refused')
    .option('--label <key=value>', 'kept with the certificate; may stand several times', collect)
    .option('--supersede <reason>', 'another key for a device that has one, and why')
    .addOption(
      choice('--revoke-old <when>', 'what it supersedes, with --supersede (default: never)', REVOKE_OLD),
    )
    .action(perform(async () => (await import('../commands/device-create.ts')).createDevice));
  device
    .command('enroll')
    .description(
      'make the key of a device in its token (or take the one that is there), have it certified, write the certificate beside it (role station or security)',
    )
    .argument('<device>')
    .requiredOption('--fleet <fleet>')
    .requiredOption('--pkcs11 <module>', "the token's library, /usr/lib/softhsm/libsofthsm2.so for one")
    .requiredOption('--pin-file <file>', 'its first line is the PIN')
    .option('--token-label <label>', 'which token (default: the only one)')
    .option('--key-id <hex>', 'id of the key', '02')
    .option('--certificate-id <hex>', 'id of the certificate', '01')
    .addOption(choice('--key-algorithm <kind>', 'of a key that is made', TOKEN_KEY_KINDS).default('ec-p256'))
    .option('--out <folder>', 'where client.pem and client.der go as well')
    .option('--profile <name>', "what the certificate says (default: the target's device profile)")
    .option('--authority <name>', "who issues (default: the fleet's issuing authority, else its root)")
    .option('--not-after <time>', 'RFC 3339; taken as it is, or refused')
    .option('--label <key=value>', 'kept with the certificate; may stand several times', collect)
    .option('--supersede <reason>', 'another key for a device that has one, and why')
    .addOption(
      choice('--revoke-old <when>', 'what it supersedes, with --supersede (default: never)', REVOKE_OLD),
    )
    .action(perform(async () => (await import('../commands/device-enroll.ts')).enrollDevice));
  device
    .command('scrap')
    .description(
      'revoke all certificates of a device, and issue nothing to its name any more (role security)',
    )
    .argument('<device>')
    .requiredOption('--fleet <fleet>')
    .requiredOption('--reason <text>', 'why')
    .action(perform(async () => (await import('../commands/device-life.ts')).scrapDevice));
  device
    .command('reinstate')
    .description('take a scrapped device back; its certificates stay revoked (role security)')
    .argument('<device>')
    .requiredOption('--fleet <fleet>')
    .requiredOption('--reason <text>', 'why')
    .action(perform(async () => (await import('../commands/device-life.ts')).reinstateDevice));
  device
    .command('show')
    .description('show a device with its certificates, newest first')
    .argument('<device>')
    .requiredOption('--fleet <fleet>')
    .action(perform(async () => (await import('../commands/device.ts')).showDevice));
  device
    .command('register')
    .description("tell the fleet's device registry of it again (role security)")
    .argument('<device>')
    .requiredOption('--fleet <fleet>')
    .option('--wait <seconds>', 'how long to wait for it', wholeNumber(0), 30)
    .action(perform(async () => (await import('../commands/registry.ts')).registerDevice));
  program
    .command('renew')
    .description(
      'renew the certificate of a device as the device, by the one that it has; replaces certificate and key together',
    )
    .requiredOption('--fleet <fleet>')
    .requiredOption('--cert <file>', 'client.pem: the certificate of now, PEM, leaf first')
    .requiredOption('--key <file>', 'pkey.pem: its key, PEM')
    .option('--at <url>', 'the mutual-TLS listener of the service', 'https://127.0.0.1:9443')
    .option('--same-key', 'keep the key (default: a new one, EC P-256)')
    .action(perform(async () => (await import('../commands/renew.ts')).renew));
  program
    .command('bundle')
    .description('fetch the credentials of a device as a zip')
    .argument('<device>')
    .requiredOption('--fleet <fleet>')
    .addOption(choice('--layout <layout>', 'which files, for whom', LAYOUTS).default('device'))
    .option('--pin-file <file>', 'its first line is the PIN of the token, for the fragment of layout hsm')
    .option('--out <file>', 'where the zip goes (default: stdout)')
    .action(perform(async () => (await import('../commands/bundle.ts')).fetchBundle));
};
