import type { Declare } from '../invocation.ts';

const EXAMPLES = `
Examples:
  what cert-provider needs with a fleet CA (-r -u), from the fleet's settings:
    fleetca credentials build --fleet cars --out credentials.zip
  and for the build machine:
    fleetca credentials build --fleet cars --treehub-server https://treehub.example --treehub-no-auth \\
      --tufrepo-url https://repo.example --out credentials.zip`;

export const declareCredentials: Declare = (program, perform) => {
  const credentials = program
    .command('credentials')
    .description('credentials.zip: what build machines and provisioning tools are handed');
  credentials
    .command('build')
    .description('make a credentials.zip; secrets are copied from files and never leave this machine')
    .requiredOption('--out <file>', 'where it goes; for the owner alone (0600), whole or not at all')
    .option('--fleet <fleet>', "whose gateway URL and root it names (asks the service's API)")
    .option('--gateway-url <url>', "autoprov.url (default: the fleet's)")
    .option('--gateway-root <file>', "server_ca.pem (default: the fleet's)")
    .option('--registration-p12 <file>', 'autoprov_credentials.p12, with an empty password')
    .option('--treehub-server <url>', 'treehub.json: where file systems go')
    .option('--treehub-no-auth', 'treehub.json: no login')
    .option('--treehub-oauth2-server <url>', 'treehub.json: where tokens come from')
    .option('--treehub-client-id <id>', 'treehub.json: the client')
    .option(
      '--treehub-client-secret-file <file>',
      'treehub.json: file with the secret of the client in its first line',
    )
    .option('--treehub-scope <scope>', 'treehub.json: what tokens are asked for')
    .option('--treehub-user <user>', 'treehub.json: login by password')
    .option('--treehub-password-file <file>', 'treehub.json: file with the password in its first line')
    .option('--treehub-json <file>', 'treehub.json as it is')
    .option('--tufrepo-url <url>', 'tufrepo.url')
    .option('--api-gateway-url <url>', 'api_gateway.url')
    .option('--root-json <file>', 'root.json')
    .option('--targets-pub <file>', 'targets.pub')
    .option('--targets-sec <file>', 'targets.sec')
    .option('--client-auth-p12 <file>', 'client_auth.p12, with an empty password')
    .option('--server-p12 <file>', 'server.p12, with an empty password')
    .addHelpText('after', EXAMPLES)
    .action(perform(async () => (await import('../commands/credentials-build.ts')).buildCredentials));
  credentials
    .command('inspect')
    .description(
      'say what is in a credentials.zip, which tools it serves, and what is wrong with it; exit 3 where it would not work',
    )
    .argument('<file>')
    .option('--fleet <fleet>', "hold its gateway against that of a fleet (asks the service's API)")
    .action(perform(async () => (await import('../commands/credentials-inspect.ts')).inspectFile));
};
