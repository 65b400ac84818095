import { Option } from 'commander';
import type { TargetName } from '../../policy/index.ts';
import type { Declare } from '../invocation.ts';
import { collect } from './collect.ts';
import { wholeNumber } from './whole-number.ts';

const TARGETS = ['ota-connect', 'ota-ce', 'generic'] as const satisfies readonly TargetName[];

const EXAMPLES = `
Examples:
  the folder or zip that a device is handed, against what its gateway trusts:
    fleetca check /var/sota/import --trust trust-bundle.pem
  and as a gateway with these CRLs will take it:
    fleetca check bundle.zip --trust trust-bundle.pem --crl crls.pem
  with real handshakes, over TLS 1.2 and 1.3:
    fleetca check bundle.zip --gateway https://gateway.example:8443
  a bundle for ota-community-edition:
    fleetca check bundles.zip --device 0f8fad5b-d9cb-469f-a165-70867728950e --target ota-ce

  a root before it is sent in:
    fleetca check root.pem --target ota-connect

Exit status: 0 it will work, 3 it will not, 2 the command line or the files do not fit.`;

export const declareCheck: Declare = (program, perform) => {
  const check = program
    .command('check')
    .description(
      'say what would happen with a bundle, on the device and at the gateway; exit 3 where it would not work',
    )
    .argument('<path>', 'a folder, a zip, a tar or a file, of any layout and from any tool')
    .addOption(
      new Option('--target <target>', 'the OTA server whose rules for device IDs and roots hold')
        .choices(TARGETS)
        .default('generic'),
    )
    .option(
      '--trust <file>',
      'what the gateway trusts, PEM, with its CRLs where it has any (default: a fleet root in the bundle)',
    )
    .option('--crl <file>', 'CRLs that the gateway reads, PEM (ssl_crl); repeatable', collect, [])
    .option('--fleet <fleet>', "what the gateway trusts, as a fleet publishes it (asks the service's API)")
    .option('--gateway [url]', "call this gateway with what the bundle holds (no URL: the bundle's own)")
    .option('--may-register', 'a gateway of OTA Connect may be called, and registers the device')
    .option('--device <id>', 'one of several devices in the folder or zip')
    .option('--passphrase-file <file>', 'file with the passphrase of a .p12 in its first line')
    .addHelpText('after', EXAMPLES)
    .action(perform(async () => (await import('../commands/check.ts')).checkPath));
  check
    .command('fleet')
    .description(
      "say how a whole fleet stands: authorities, links, dates, what it publishes, gateway, servers, bundles (asks the service's API); exit 3 where something does not work",
    )
    .argument('<fleet>')
    .option('--devices <n>', 'so many bundles of devices are looked at', wholeNumber(0), 20)
    .action(perform(async () => (await import('../commands/check-fleet.ts')).checkWholeFleet));
  check
    .command('explain')
    .description('say what a code of a report means and what to do about it; without a code, list them')
    .argument('[code]')
    .action(perform(async () => (await import('../commands/check-explain.ts')).explainCheck));
};
