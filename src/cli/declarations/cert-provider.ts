import { InvalidArgumentError, Option } from 'commander';
import type { Declare } from '../invocation.ts';
import { collect } from './collect.ts';
import { wholeNumber } from './whole-number.ts';

const MAX_PORT = 65_535;

function port(text: string): number {
  const number = wholeNumber(1)(text);
  if (number <= MAX_PORT) return number;
  throw new InvalidArgumentError(`A port is at most ${MAX_PORT}.`);
}

const EXAMPLES = `
A key and a certificate for one device, signed with the fleet CA's key, onto a device and into a folder:
  fleetca cert-provider --fleet-ca ca.pem --fleet-ca-key ca.key -c credentials.zip -r -u -t root@device
  fleetca cert-provider --fleet-ca ca.pem --fleet-ca-key ca.key -l out
Made by the server, with the registration credentials of credentials.zip:
  fleetca cert-provider -c credentials.zip -r -u -t root@device
Signed by this service:
  fleetca cert-provider --fleet demo --certificate-cn VIN-1 -r -u -t root@device`;

/** Its short letters and names are those of aktualizr-cert-provider, which scripts call. */
export const declareCertProvider: Declare = (program, perform) => {
  program
    .command('cert-provider')
    .description('put a key and a certificate onto one device, over ssh or into a folder')
    .helpOption('-h, --help', 'print this help')
    .option(
      '-c, --credentials <zip>',
      'credentials.zip: the gateway and, without a fleet CA, who may register',
    )
    .option('--fleet-ca <pem>', "the fleet CA's certificate; if it is an intermediate, with those above it")
    .option('--fleet-ca-key <pem>', 'its private key')
    .addOption(new Option('--device-ca <pem>', 'the older name of --fleet-ca').hideHelp())
    .addOption(new Option('--device-ca-key <pem>', 'the older name of --fleet-ca-key').hideHelp())
    .option('--passphrase-file <file>', "its first line opens the fleet CA's key")
    .option('--fleet <fleet>', 'let this service sign, for a fleet of its own (role station or security)')
    .option('--bits <bits>', 'an RSA key of so many bits (default: EC P-256)', wholeNumber(1))
    .option('--days <days>', 'how long the certificate is valid (default: 365)', wholeNumber(1))
    .option('--certificate-c <country>', 'C of the subject, two letters')
    .option('--certificate-st <state>', 'ST of the subject')
    .option('--certificate-o <organization>', 'O of the subject')
    .option('--certificate-cn <name>', 'CN of the subject: the device ID (default: a random UUID)')
    .option('-t, --target <[user@]host>', 'the device, which ssh reaches')
    .option('-p, --port <port>', "its ssh port (default: ssh's own, 22)", port)
    .option('-d, --directory <folder>', 'where the files go (default: /var/sota/import)')
    .option('-r, --root-ca', "write root.crt, the gateway's server root")
    .option('-u, --server-url', "write gateway.url, the gateway's URL")
    .option('-l, --local <folder>', 'write under this folder')
    .option('-g, --config <path>', "aktualizr's configuration, which names the files; repeatable", collect)
    .option('-s, --skip-checks', "take any ssh host key (ssh's StrictHostKeyChecking=no)")
    .option(
      '--keep <folder>',
      'where a key that cannot be had twice lies until it has arrived (default: fleetca-undelivered)',
    )
    .addHelpText('after', EXAMPLES)
    .action(perform(async () => (await import('../cert-provider/cert-provider.ts')).certProvider));
};
