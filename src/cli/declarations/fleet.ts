import type { TargetName } from '../../policy/index.ts';
import type { Declare } from '../invocation.ts';
import { choice, requiredChoice } from './choice.ts';
import { collect } from './collect.ts';

const TARGETS = ['ota-connect', 'ota-ce', 'generic'] as const satisfies readonly TargetName[];

const SETTINGS = ['gatewayUrl', 'gatewayRoot', 'hardwareId', 'pkcs11Module', 'gatewayTrusts', 'ostreeServer'];

export const declareFleet: Declare = (program, perform) => {
  const fleet = program.command('fleet').description('fleets: one root line and everything under it');
  fleet
    .command('create')
    .description('create a fleet (role admin)')
    .argument('<name>')
    .addOption(requiredChoice('--target <server>', 'the OTA server that its devices talk to', TARGETS))
    .option('--gateway-url <url>', 'https://host:port of the device gateway, for bundles')
    .option('--gateway-root <file>', "PEM with the root of the gateway's server certificate, for bundles")
    .option('--from-credentials <file>', 'credentials.zip that tells both, as far as they are not given')
    .action(perform(async () => (await import('../commands/fleet.ts')).createFleet));
  fleet
    .command('set')
    .description('change what bundles of a fleet say; what is not named stays (role admin)')
    .argument('<name>')
    .option('--gateway-url <url>', 'https://host:port of the device gateway')
    .option('--gateway-root <file>', "PEM with the root of the gateway's server certificate")
    .option('--hardware-id <id>', 'what the devices say that they are (primary_ecu_hardware_id)')
    .option('--pkcs11-module <path>', 'PKCS#11 module on the devices')
    .addOption(
      choice('--gateway-trusts <what>', 'what the gateway was given to trust', [
        'fleet-root',
        'trust-bundle',
      ]),
    )
    .option('--ostree-server <url>', 'where the devices fetch OSTree commits')
    .addOption(choice('--unset <setting...>', 'take a setting back', SETTINGS))
    .action(perform(async () => (await import('../commands/fleet.ts')).setFleet));
  fleet
    .command('list')
    .description('list fleets')
    .action(perform(async () => (await import('../commands/fleet.ts')).listFleets));
  fleet
    .command('show')
    .description('show a fleet')
    .argument('<name>')
    .action(perform(async () => (await import('../commands/fleet.ts')).showFleet));
  fleet
    .command('import')
    .description(
      'take over a fleet from elsewhere: its CAs and the certificates that they issued (role security)',
    )
    .argument('<name>', 'a fleet that was created for it')
    .option('--root <file>', 'its root certificate, PEM')
    .option('--root-key <file>', 'the key of the root, PEM (default: it stays where it is)')
    .option('--passphrase-file <file>', 'file whose first line is the passphrase of the key')
    .option('--intermediate <file>', 'a CA under it, PEM, as often as there are; name=file names it', collect)
    .option('--certificates <folder>', 'certificates, PEM or DER, in a folder and all below it', collect)
    .option('--openssl <folder>', 'of openssl ca: index.txt, and newcerts beside it', collect)
    .option('--csv <file>', 'columns certificate, device_id, status, revoked_at, reason', collect)
    .option('--vault <file>', 'what vault read -format=json gives, one object a line', collect)
    .option(
      '--crl <file>',
      'a CRL of one of the CAs, PEM or DER (a token that is bound to no fleet)',
      collect,
    )
    .option('--device-id-pattern <regexp>', 'its first group in the CN is the device ID (default: the CN)')
    .option('--profile <name>', "under which they are filed and renewed (default: the target's)")
    .option('--dry-run', 'say what would happen, and do nothing')
    .action(perform(async () => (await import('../commands/import-fleet.ts')).importFleet));
  program
    .command('publish')
    .description('fetch what a gateway needs: fleet root, trust bundle, fingerprint, CRLs (no token needed)')
    .argument('<fleet>')
    .requiredOption('--out <folder>', 'where the files go')
    .option(
      '--server <name>',
      'what this server of the fleet needs instead (role security): see `server add`',
    )
    .option('--code <code>', 'that the server gave, to see that we have the key')
    .option('--reload <command>', 'run by sh when the files of an ota-ce gateway have changed')
    .action(perform(async () => (await import('../commands/publish.ts')).publish));
};
