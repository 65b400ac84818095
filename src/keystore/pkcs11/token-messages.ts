/** What the service and the process with the token's module say to each other. */
import type { KeyAlgorithm } from '../../x509/index.ts';

/** What the module's process is asked. Every question has an answer, with its number. */
export type Question =
  | {
      readonly ask: 'connect';
      readonly module: string;
      readonly label: string | null;
      readonly pin: string;
      readonly sessions: number;
    }
  | { readonly ask: 'find'; readonly by: KeySearch }
  | {
      readonly ask: 'generate';
      readonly keyId: string;
      readonly algorithm: KeyAlgorithm;
      readonly id: Uint8Array;
    }
  /** `input`: a digest for EC, a DigestInfo for RSA. `key`: its number in this connection. */
  | { readonly ask: 'sign'; readonly key: number; readonly input: Uint8Array }
  | { readonly ask: 'destroy'; readonly by: KeySearch }
  /** Whether the session holds. */
  | { readonly ask: 'look' };

export type KeySearch =
  | { readonly label: string }
  /** CKA_LABEL, or CKA_ID in hexadecimal. */
  | { readonly name: string }
  /** The beginning, hexadecimal, of the SHA-256 of its SubjectPublicKeyInfo. */
  | { readonly digest: string };

export interface FoundKey {
  readonly key: number;
  readonly publicKey: Uint8Array;
  /** CKA_EXTRACTABLE: it can be had from the token, if only wrapped. */
  readonly extractable: boolean;
  /** CKA_LOCAL: it was made in the token. */
  readonly local: boolean;
}

/** Why a question has no answer. */
export interface TokenFault {
  /** `CKR_…`, where the token said so. */
  readonly returnValue: string | null;
  /** `pin`: another try would count. `wish`: there is no such key, or not one. `load`: too much waits. `token`: all else. */
  readonly about: 'pin' | 'wish' | 'load' | 'token';
  readonly message: string;
}

export type Answer =
  | { readonly done: 'connected'; readonly label: string }
  | { readonly done: 'found'; readonly found: FoundKey | null }
  | { readonly done: 'signed'; readonly signature: Uint8Array }
  | { readonly done: 'destroyed' }
  | { readonly done: 'looked' }
  | { readonly done: 'failed'; readonly fault: TokenFault };

export interface Asked {
  readonly number: number;
  readonly question: Question;
}

export interface Answered {
  readonly number: number;
  readonly answer: Answer;
}
