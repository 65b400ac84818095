import { ReadableStream } from 'node:stream/web';
import { Decrypter, Encrypter } from 'age-encryption';
import { BackupError } from './backup-error.ts';

/** For whom a backup is: whoever knows a passphrase, or has the identity (private key) of one of some recipients. */
export type Readers = { readonly passphrase: string } | { readonly recipients: readonly string[] };

/** What opens one. */
export type Opener = { readonly passphrase: string } | { readonly identities: readonly string[] };

/** The library takes the web's streams; its types name the browser's, which Node's are. */
type WebStream = Parameters<Encrypter['encrypt']>[0] & ReadableStream<Uint8Array>;

/** A stream that reads on only when it is asked: nothing gathers before the encryption. */
function streamOf(octets: AsyncIterable<Uint8Array>): WebStream {
  const pieces = octets[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const next = await pieces.next();
      if (next.done) controller.close();
      else controller.enqueue(Uint8Array.from(next.value));
    },
    async cancel() {
      await pieces.return?.();
    },
  }) as unknown as WebStream;
}

const explained = (message: string, cause: unknown): BackupError => new BackupError(message, { cause });

/**
 * Encrypts octets as they come (the age format, age-encryption.org/v1): pieces of 64 KiB, each with its place and
 * whether it is the last in what authenticates it. Throws `BackupError` for a recipient that is none.
 */
export async function* encrypt(
  octets: AsyncIterable<Uint8Array>,
  readers: Readers,
): AsyncGenerator<Uint8Array> {
  const encrypter = new Encrypter();
  if ('passphrase' in readers) encrypter.setPassphrase(readers.passphrase);
  else {
    for (const recipient of readers.recipients) {
      try {
        encrypter.addRecipient(recipient);
      } catch (cause) {
        throw explained(`${recipient} is no recipient of the age format (age1…).`, cause);
      }
    }
  }
  yield* (await encrypter.encrypt(streamOf(octets))) as unknown as ReadableStream<Uint8Array>;
}

function openerOf(opener: Opener): Decrypter {
  const decrypter = new Decrypter();
  if ('passphrase' in opener) decrypter.addPassphrase(opener.passphrase);
  else {
    for (const identity of opener.identities) {
      try {
        decrypter.addIdentity(identity);
      } catch {
        // Without the cause: it may quote the key.
        throw new BackupError('The identity is none of the age format (AGE-SECRET-KEY-…).');
      }
    }
  }
  return decrypter;
}

/** Decrypts, piece by piece. Throws `BackupError` where the file is not ours to open, changed, or cut off. */
export async function* decrypt(
  octets: AsyncIterable<Uint8Array>,
  opener: Opener,
): AsyncGenerator<Uint8Array> {
  const decrypter = openerOf(opener);
  let opened: ReadableStream<Uint8Array>;
  try {
    opened = (await decrypter.decrypt(streamOf(octets))) as unknown as ReadableStream<Uint8Array>;
  } catch (cause) {
    if (cause instanceof Error && 'syscall' in cause) throw cause;
    const message = cause instanceof Error ? cause.message : '';
    throw explained(
      /no identity matched|passphrase/.test(message)
        ? 'It is encrypted for another passphrase or identity.'
        : 'It is no backup, or its beginning is damaged.',
      cause,
    );
  }
  try {
    yield* opened;
  } catch (cause) {
    if (cause instanceof Error && 'syscall' in cause) throw cause;
    throw explained('It is damaged or cut off: a piece of it does not prove itself.', cause);
  }
}
