import { type Command, InvalidArgumentError } from 'commander';
import type { GatewayKind } from '../../gateway/index.ts';
import type { Declare } from '../invocation.ts';
import { choice, requiredChoice } from './choice.ts';
import { collect } from './collect.ts';
import { wholeNumber } from './whole-number.ts';

/** Said again here, so that help loads nothing; a word that is no gateway does not compile. */
const GATEWAY_KINDS = ['nginx', 'haproxy'] as const satisfies readonly GatewayKind[];

const port = (text: string): number => {
  const number = wholeNumber(0)(text);
  if (number > 65_535) throw new InvalidArgumentError('A port is at most 65535.');
  return number;
};

const portOrOff = (text: string): number | 'off' => (text === 'off' ? text : port(text));

/** What a gateway trusts, said alike for ours and for the configuration of another. */
const trustOptions = (command: Command): Command =>
  command
    .option('--fleet <fleet>', "trust what it publishes (asks the service's API; no token needed)")
    .option('--trust-file <file>', 'trust the certificates in this PEM file instead')
    .addOption(
      choice('--trusts <what>', 'of a fleet: which published file', ['fleet-root', 'trust-bundle']).default(
        'trust-bundle',
      ),
    )
    .option('--crl <file>', 'PEM with the CRL of every CA in the chains');

export const declareGateway: Declare = (program, perform) => {
  const gateway = program
    .command('gateway')
    .description('a reference device gateway, and the configuration of real ones');
  trustOptions(
    gateway
      .command('serve', { isDefault: true })
      .description('run it: mutual TLS as of an OTA server, and who comes, and why others are refused'),
  )
    .option('--host <address>', 'where it listens', '127.0.0.1')
    .option('--port <n>', 'where it listens; 0: any free port', port, 9444)
    .option('--status-port <n>', 'JSON about devices, for this machine alone; off: none', portOrOff, 9445)
    .option('--name <name>', 'a name that devices call it by; may stand several times', collect)
    .option('--cert <file>', 'its own certificate and what is above it, PEM')
    .option('--key <file>', 'the private key of --cert, PEM')
    .option(
      '--own-root <folder>',
      'without --cert: root.crt and root.key, made where they are missing',
      'gateway',
    )
    .option('--poll-seconds <n>', 'how often it looks whether its trust has changed', wholeNumber(1), 10)
    .option('--online-seconds <n>', 'how long a device counts as online', wholeNumber(1), 600)
    .action(perform(async () => (await import('../commands/gateway.ts')).runGateway));
  trustOptions(
    gateway
      .command('config')
      .description(
        'write the configuration of a real gateway, what it trusts, and the hook that keeps that current',
      ),
  )
    .addOption(requiredChoice('--for <program>', 'which gateway', GATEWAY_KINDS))
    .requiredOption('--out <folder>', 'where the files go')
    .option('--at <folder>', "where they will lie on the gateway's machine (default: --out)")
    .option('--listen <port>', 'its port, or address:port', '443')
    .option('--server-name <name>', 'nginx: the name that devices call it by')
    .option('--upstream <url>', 'the OTA services behind it', 'http://127.0.0.1:8080')
    .option('--published-url <url>', "where the hook fetches from (default: the service's API, /pki/<fleet>)")
    .action(perform(async () => (await import('../commands/gateway-config.ts')).writeGatewayConfig));
  program
    .command('simulate')
    .description(
      'boot devices against a gateway, over real TLS with their bundles; exit 1 where one does not come online, or is refused a renewal',
    )
    .requiredOption('--bundles <folder>', 'a folder for each device, with client.pem and pkey.pem')
    .option('--devices <n>', 'how many of them (default: all)', wholeNumber(1))
    .option('--gateway <url>', 'https://host:port instead of the gateway.url of each')
    .option('--root <file>', "the gateway's root, PEM, instead of the root.crt of each")
    .option('--stagger-ms <n>', 'between the starts of two devices', wholeNumber(0), 20)
    .option('--at-a-time <n>', 'how many boot at one time', wholeNumber(1), 32)
    .option('--rounds <n>', 'how often each boots; with what lies in its folder then', wholeNumber(1), 1)
    .option('--every <seconds>', 'between the starts of two rounds', wholeNumber(0), 60)
    .option('--renew-at <url>', 'renew those in their window first: the mutual-TLS listener of the service')
    .option('--renew-ca <file>', 'the CA of that service, PEM (default: as --ca-file)')
    .option('--fleet <fleet>', 'with --renew-at: the fleet of the devices')
    .action(perform(async () => (await import('../commands/simulate.ts')).simulateFleet));
};
