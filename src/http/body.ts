import type { z } from 'zod';
import { fitJson, parseStrictJson } from '../enrollment/index.ts';
import { PkiError } from '../errors.ts';
import type { Call } from './edge.ts';
import { inviteBody } from './expect-continue.ts';
import { mediaTypeOf } from './media-type.ts';

/** Most octets of a body of JSON: a CSR of 64 KiB, and PEM twice over for an import. */
const MAX_JSON_OCTETS = 256 * 1024;
/** Of one device: five files of some kilobytes. */
const MAX_BUNDLE_OCTETS = 256 * 1024;
/** A million entries in the CRLs that a gateway holds. */
const MAX_CRL_OCTETS = 48 * 2 ** 20;
/** 500 certificates of 8 KiB. */
const MAX_IMPORT_OCTETS = 4 * 2 ** 20;
/** As a row of a lot. */
const MAX_PKCS10_OCTETS = 64 * 1024;

function cutOff({ edge, req }: Call): void {
  req.log.warn({ idleBodyMs: edge.idleBodyMs }, 'the client is cut off: its upload stands still');
  req.destroy();
}

/**
 * The body's octets as they come. A client that sends nothing for `idleBodyMs` while we wait for it is
 * cut off; time that we take ourselves does not count. Leaves the connection open when the consumer
 * stops early, so that it can be answered.
 */
export async function* readOctets(call: Call): AsyncGenerator<Uint8Array> {
  const { req, res } = call;
  inviteBody(req, res);
  const pieces = req.iterator({ destroyOnReturn: false });
  try {
    for (;;) {
      const timer = setTimeout(() => cutOff(call), call.edge.idleBodyMs);
      const next = await pieces.next().finally(() => clearTimeout(timer));
      if (next.done) return;
      yield next.value;
    }
  } finally {
    await pieces.return?.();
  }
}

const tooLarge = (limit: number): PkiError =>
  new PkiError('too-large', `The body has more than ${limit} octets.`);

/**
 * The whole of a body, in the few events that a small one takes: an iterator over it would cost a single
 * request more than its signature.
 */
function readWhole(call: Call, limit: number): Promise<Buffer> {
  const { req, res } = call;
  if (Number(req.headers['content-length'] ?? 0) > limit) return Promise.reject(tooLarge(limit));
  inviteBody(req, res);
  return new Promise((resolve, reject) => {
    const pieces: Uint8Array[] = [];
    let octets = 0;
    const timer = setTimeout(() => cutOff(call), call.edge.idleBodyMs);
    const settle = (end: () => void): void => {
      clearTimeout(timer);
      req.off('data', take).off('end', finish).off('error', fail).off('close', leave);
      end();
    };
    const take = (piece: Uint8Array): void => {
      timer.refresh();
      octets += piece.length;
      if (octets > limit) fail(tooLarge(limit));
      else pieces.push(piece);
    };
    const finish = (): void => settle(() => resolve(Buffer.concat(pieces)));
    const fail = (failure: Error): void => {
      req.pause();
      settle(() => reject(failure));
    };
    const leave = (): void => fail(new Error('the client went away in the middle of its body'));
    if (req.destroyed) leave();
    else req.on('data', take).on('end', finish).on('error', fail).on('close', leave);
  });
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decodeText(octets: Uint8Array): string {
  try {
    return utf8.decode(octets);
  } catch (cause) {
    throw new PkiError('bad-json', 'The body is not UTF-8.', { cause });
  }
}

/** A body of JSON as text. Refuses `too-large`, `bad-json` where it is not UTF-8. */
export async function readJsonText(call: Call): Promise<string> {
  return decodeText(await readWhole(call, MAX_JSON_OCTETS));
}

/** Lines of JSON, each a certificate from elsewhere. Refuses `too-large`, `bad-json` where it is not UTF-8. */
export async function readImportText(call: Call): Promise<string> {
  return decodeText(await readWhole(call, MAX_IMPORT_OCTETS));
}

/** A body of JSON, not yet fitted to a schema. Refuses `too-large`, `bad-json`. */
export async function readJsonValue(call: Call): Promise<unknown> {
  return parseStrictJson(await readJsonText(call));
}

/** A body of JSON that fits. Refuses `unsupported-media-type`, `too-large`, `bad-json`. */
export async function readJson<T>(call: Call, schema: z.ZodType<T>): Promise<T> {
  mediaTypeOf(call.req, ['application/json']);
  return fitJson(schema, await readJsonValue(call));
}

/** The archive of a bundle. Refuses `too-large`. */
export const readBundleOctets = (call: Call): Promise<Uint8Array> => readWhole(call, MAX_BUNDLE_OCTETS);

/** CRLs as they were sent, PEM or DER. Refuses `too-large`. */
export const readCrlOctets = (call: Call): Promise<Uint8Array> => readWhole(call, MAX_CRL_OCTETS);

/** A PKCS#10 request as it was sent, PEM or DER. Refuses `too-large`. */
export const readPkcs10 = (call: Call): Promise<Uint8Array> => readWhole(call, MAX_PKCS10_OCTETS);
