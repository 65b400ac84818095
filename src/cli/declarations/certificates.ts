import { REVOCATION_REASONS } from '../../x509/index.ts';
import type { Declare } from '../invocation.ts';
import { choice, requiredChoice } from './choice.ts';
import { collect } from './collect.ts';
import { REVOKE_OLD } from './revoke-old.ts';

const FORMS = ['json', 'pem', 'der', 'p7', 'zip'];
/** RFC 5280, 5.3.1: those that the service takes. */
const REASONS = Object.keys(REVOCATION_REASONS);

const STATUSES = ['active', 'superseded', 'revoked', 'expired'];

const KEY_HELP = `
The digest of a request's key:
  openssl req -in device.csr -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum`;

export const declareCertificates: Declare = (program, perform) => {
  program
    .command('issue')
    .description(
      'ask for one certificate (role station or security); the same request gives the same certificate',
    )
    .argument('[csr]', 'PKCS#10 request, PEM or DER; - is stdin', '-')
    .requiredOption('--fleet <fleet>')
    .option('--device-id <id>', "must be the request's common name")
    .option('--profile <name>', "what the certificate says (default: the target's device profile)")
    .option('--authority <name>', "who issues (default: the fleet's issuing authority, else its root)")
    .option('--not-after <time>', 'RFC 3339; taken as it is, or refused')
    .option('--label <key=value>', 'kept with the certificate; may stand several times', collect)
    .option('--supersede <reason>', 'a new certificate for a device that has one, and why')
    .addOption(
      choice('--revoke-old <when>', 'what it supersedes, with --supersede (default: never)', REVOKE_OLD),
    )
    .option('--out <file>', 'where the certificate goes instead of stdout')
    .addOption(choice('--form <form>', 'pem: the chain, leaf first (default; with --json: json)', FORMS))
    .action(perform(async () => (await import('../commands/issue.ts')).issue));
  program
    .command('revoke')
    .description('revoke a certificate, a serial number, or all of a device or of a lot (role security)')
    .argument('[id]', 'SHA-256 fingerprint, or serial number, in hex')
    .option('--device <id>', 'all certificates of this device, with --fleet')
    .option(
      '--serial <hex>',
      'what carries this serial number, with --fleet; also where its certificate is not on record',
    )
    .option('--fleet <fleet>', 'the fleet of the device, or of the serial number')
    .option('--batch <id>', 'all certificates that were issued in this lot')
    .addOption(requiredChoice('--reason <reason>', 'why', REASONS))
    .action(perform(async () => (await import('../commands/revoke.ts')).revoke));
  const certificate = program.command('certificate').description('the certificates of a fleet');
  certificate
    .command('seen')
    .description(
      'tell of the first handshake of a certificate (role security, or the right report-handshakes)',
    )
    .argument('<id>', 'SHA-256 fingerprint, in hex')
    .action(perform(async () => (await import('../commands/certificate-seen.ts')).reportSeen));
  certificate
    .command('abandoned')
    .description('list serial numbers that were given up, and may have been signed (role security)')
    .requiredOption('--fleet <fleet>')
    .action(perform(async () => (await import('../commands/certificate-abandoned.ts')).listAbandoned));
  certificate
    .command('list')
    .description('search them by all that is given, oldest first (role station, security or auditor)')
    .requiredOption('--fleet <fleet>')
    .option('--device-id <id>', 'exactly this device')
    .option('--serial <hex>', 'this serial number')
    .option('--key <digest>', "SHA-256 of the key's SubjectPublicKeyInfo, in hex")
    .option('--batch <id>', 'issued in this lot')
    .option('--station <id>', 'asked for by this token')
    .option('--label <key=value>', 'that carry this label')
    .addOption(choice('--status <status>', 'what they are now', STATUSES))
    .option('--expiring-before <time>', 'that end before this, RFC 3339; the earliest first')
    .option('--csv', 'CSV for a spreadsheet, without the certificates themselves')
    .option('--ndjson', 'one JSON object a line')
    .action(perform(async () => (await import('../commands/certificate-list.ts')).listCertificates));
  program
    .command('key')
    .description('public keys of devices')
    .command('release')
    .description('free a key from its device, for a board that was given another name (role security)')
    .argument('<digest>', "SHA-256 of the key's SubjectPublicKeyInfo, in hex")
    .requiredOption('--fleet <fleet>')
    .requiredOption('--reason <text>', 'why')
    .addHelpText('after', KEY_HELP)
    .action(perform(async () => (await import('../commands/revoke.ts')).releaseKey));
};
