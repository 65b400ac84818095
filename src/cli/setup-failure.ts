import { ConfigError } from '../config/index.ts';
import { FolderError } from '../folder.ts';
import { KeystoreSetupError } from '../keystore/index.ts';
import { errnoOf, LocalFailure } from './local-failure.ts';

/** Sentences that name their own place. What is wrong with a profile comes as a list of lines, each with where. */
const sentences = (texts: readonly string[]) =>
  texts
    .flatMap((text) => text.replaceAll(/\n\s*→/g, ' →').split('\n'))
    .map((message) => ({ at: '', message }));

const LISTENING: Readonly<Record<string, { readonly what: string; readonly hint: string }>> = {
  EADDRINUSE: {
    what: 'is taken by another program',
    hint: 'stop that one, or choose another port with --api-port, --mutual-port and --public-port (0: any free one)',
  },
  EACCES: {
    what: 'may not be listened on by this user',
    hint: 'choose a port over 1023 with --api-port, --mutual-port and --public-port',
  },
  EADDRNOTAVAIL: {
    what: 'is no address of this machine',
    hint: 'choose another with --api-host, --mutual-host and --public-host',
  },
};

/** A listener that could not start; undefined for any other failure. */
function listenFailure(failure: unknown): LocalFailure | undefined {
  const code = errnoOf(failure) ?? '';
  const known = LISTENING[code];
  const isListening = failure instanceof Error && 'syscall' in failure && failure.syscall === 'listen';
  if (!known || !isListening) return undefined;
  const { address = '', port } = failure as { address?: string; port?: number };
  return new LocalFailure(
    code === 'EADDRINUSE' ? 'address-in-use' : 'setup',
    `The address ${port ? `${address}:${port}` : address} ${known.what}.`,
    { hint: known.hint, cause: failure },
  );
}

/** What the operator has to put right before anything can run, in words for the operator. */
export function setupFailure(failure: unknown): unknown {
  if (failure instanceof ConfigError) {
    return new LocalFailure('setup', 'The configuration does not fit.', {
      violations: sentences(failure.violations),
    });
  }
  if (failure instanceof KeystoreSetupError) {
    return new LocalFailure('setup', 'The keys are not as they must be.', {
      violations: sentences(failure.problems),
    });
  }
  if (failure instanceof FolderError) {
    return new LocalFailure('setup', 'The data folder is not as it must be.', {
      violations: sentences(failure.problems),
    });
  }
  // By its name, so that reading a ledger does not load the whole service.
  if (failure instanceof Error && failure.name === 'StartRefusal') {
    return new LocalFailure('setup', failure.message, { cause: failure });
  }
  if (failure instanceof Error && failure.name === 'BackupError') {
    return new LocalFailure('usage', failure.message, { cause: failure });
  }
  return listenFailure(failure) ?? failure;
}
