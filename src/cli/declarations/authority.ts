import type { KeyAlgorithm } from '../../x509/index.ts';
import type { Declare } from '../invocation.ts';
import { choice, requiredChoice } from './choice.ts';

export const ALGORITHMS = [
  'ec-p256',
  'ec-p384',
  'rsa-3072',
  'rsa-4096',
  'ed25519',
] as const satisfies readonly KeyAlgorithm[];

export const declareAuthority: Declare = (program, perform) => {
  const authority = program
    .command('authority')
    .description('authorities: the root of a fleet, and those under it');
  authority
    .command('create')
    .description('make a key and its certificate (role security)')
    .argument('<name>')
    .requiredOption('--fleet <fleet>')
    .addOption(
      requiredChoice(
        '--kind <kind>',
        'the root of the fleet, an issuing authority under it, or the CA of what devices register with',
        ['root', 'issuing', 'registration'],
      ),
    )
    .addOption(choice('--key-algorithm <algorithm>', 'its key (default: ec-p256)', ALGORITHMS))
    .addOption(choice('--key <place>', 'where its key is made and stays (default: file)', ['file', 'token']))
    .option('--token-key <label>', "take the key that the service's token has under this label or id")
    .option('--profile <name>', "what its certificate says (default: the target's)")
    .option('--common-name <text>', 'its name in the certificate')
    .action(perform(async () => (await import('../commands/authority.ts')).createAuthority));
  authority
    .command('import')
    .description(
      'take over a root, or a CA under it, that was made elsewhere, with its key or without (role security)',
    )
    .argument('<name>')
    .requiredOption('--fleet <fleet>')
    .requiredOption('--certificate <file>', 'its certificate, PEM')
    .option(
      '--private-key <file>',
      'its key, PEM: PKCS#8, PKCS#1 or SEC1, encrypted or not (default: it stays where it is)',
    )
    .option('--passphrase-file <file>', 'file whose first line is the passphrase of the key')
    .action(perform(async () => (await import('../commands/authority.ts')).importAuthority));
  authority
    .command('csr')
    .description(
      'make the key of an issuing authority, and the request that another CA signs (role security)',
    )
    .argument('<name>', 'a new authority, or one that is to have another generation')
    .requiredOption('--fleet <fleet>')
    .requiredOption('--out <file>', 'where the request goes, PEM')
    .addOption(choice('--key-algorithm <algorithm>', 'its key (default: ec-p256)', ALGORITHMS))
    .addOption(choice('--key <place>', 'where its key is made and stays (default: file)', ['file', 'token']))
    .option('--token-key <label>', "take the key that the service's token has under this label or id")
    .option('--profile <name>', "what its certificate is to say (default: the target's)")
    .option('--common-name <text>', 'its name in the certificate')
    .action(perform(async () => (await import('../commands/authority-request.ts')).requestAuthority));
  authority
    .command('install')
    .description('install the certificate that another CA signed for the request (role security)')
    .argument('<name>')
    .argument('<certificate>', 'PEM')
    .requiredOption('--fleet <fleet>')
    .action(perform(async () => (await import('../commands/authority-request.ts')).installAuthority));
  authority
    .command('list')
    .description('list the authorities of a fleet, all generations')
    .requiredOption('--fleet <fleet>')
    .action(perform(async () => (await import('../commands/authority.ts')).listAuthorities));
  authority
    .command('show')
    .description('show the active generation of an authority')
    .argument('<name>')
    .requiredOption('--fleet <fleet>')
    .action(perform(async () => (await import('../commands/authority.ts')).showAuthority));
};
