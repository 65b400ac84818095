import { Command } from 'commander';
import { readVersion } from '../package-root.ts';
import { declareAudit } from './declarations/audit.ts';
import { declareAuthority } from './declarations/authority.ts';
import { declareBackup } from './declarations/backup.ts';
import { declareBatch } from './declarations/batch.ts';
import { declareBench } from './declarations/bench.ts';
import { declareCeremony } from './declarations/ceremony.ts';
import { declareCertProvider } from './declarations/cert-provider.ts';
import { declareCertificates } from './declarations/certificates.ts';
import { declareCheck } from './declarations/check.ts';
import { declareCredentials } from './declarations/credentials.ts';
import { declareDevice } from './declarations/device.ts';
import { declareFleet } from './declarations/fleet.ts';
import { declareGateway } from './declarations/gateway.ts';
import { declareOutgoing } from './declarations/outgoing.ts';
import { declareRegistration } from './declarations/registration.ts';
import { declareRotate } from './declarations/rotate.ts';
import { declareServer } from './declarations/server.ts';
import { declareService } from './declarations/service.ts';
import { declareToken } from './declarations/token.ts';
import { type Declare, performer } from './invocation.ts';

const GROUPS: readonly Declare[] = [
  declareService,
  declareFleet,
  declareAuthority,
  declareCertificates,
  declareBatch,
  declareDevice,
  declareCertProvider,
  declareCredentials,
  declareCheck,
  declareRegistration,
  declareGateway,
  declareRotate,
  declareCeremony,
  declareServer,
  declareOutgoing,
  declareToken,
  declareAudit,
  declareBackup,
  declareBench,
];

const EXIT_HELP = `
Exit status: 0 done, 1 some rows refused, 2 bad input, 3 refused by policy (or a check that failed),
4 not authorised, 5 conflict, 6 try again, 70 a defect, 130 stopped by Ctrl-C.`;

/** The whole command line. Throws `CommanderError` where it would end the process. */
export function createProgram(finish: (status: number) => void): Command {
  const program = new Command('fleetca')
    .description('A private certificate authority for fleets of devices that are updated over the air.')
    .version(readVersion(), '--version', 'print the version')
    // Short letters are left to the cert-provider command, whose flags are fixed by the tool it stands in for.
    .helpOption('--help', 'print this help')
    .helpCommand(false)
    .option('--url <url>', "the service's API (FLEETCA_URL; default: https://127.0.0.1:8443)")
    .option(
      '--token-file <file>',
      'file with the token (FLEETCA_TOKEN_FILE, or the token itself in FLEETCA_TOKEN; default: keys/admin-token of the data folder)',
    )
    .option(
      '--pin <sha256>',
      "trust the service by the fingerprint of its CA's or its own certificate (FLEETCA_PIN)",
    )
    .option(
      '--ca-file <file>',
      'trust certificates of this CA, PEM (default: keys/service-ca.crt of the data folder)',
    )
    .option(
      '--data <folder>',
      'the data folder with db/ and keys/ (FLEETCA_DATA; default: the folder of the program)',
    )
    .option('--json', 'JSON on stdout: one value, or one for each line of a list')
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    .configureOutput({
      outputError: (text, write) => write(text.replace(/^error: /, 'fleetca: usage: ')),
    })
    .exitOverride()
    .addHelpText('after', EXIT_HELP);
  const perform = performer(finish);
  for (const declare of GROUPS) declare(program, perform);
  for (const command of program.commands) command.helpCommand(false);
  return program;
}
