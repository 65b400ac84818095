import { PkiError } from '../errors.ts';
import { awaitsContinue } from './expect-continue.ts';
import { PROBLEMS, problemOf, retryAfterSeconds } from './problems.ts';
import type { NextFunction, Request, Response } from './web.ts';

/** How long a refused upload may go on before it is cut: time enough to read the answer. */
const LINGER_MS = 5_000;

/** What was thrown, as a refusal; undefined where it is a defect. */
function refusalOf(failure: unknown): PkiError | undefined {
  if (failure instanceof PkiError) return failure;
  // The router's own, for a path parameter that cannot be decoded.
  if (failure instanceof URIError) {
    return new PkiError('bad-request', 'The path is not properly percent-encoded UTF-8.', { cause: failure });
  }
  return undefined;
}

/**
 * A client may still be sending when it is answered. What comes is dropped for a while, so that the
 * answer is not lost in a reset; then the connection is cut.
 */
export function leaveBody(req: Request, res: Response): void {
  if (req.complete) return;
  // Whoever waits for "100 Continue" has not begun, and may take the connection for free again.
  if (awaitsContinue(req)) res.set('Connection', 'close');
  res.once('finish', () => {
    if (req.complete || req.destroyed) return;
    req.on('error', () => undefined).resume();
    const cut = setTimeout(() => req.socket.destroy(), LINGER_MS).unref();
    req.once('end', () => clearTimeout(cut));
  });
}

function sendProblem(res: Response, status: number, problem: object): void {
  res.status(status).removeHeader('Content-Disposition');
  res
    .set('Content-Type', 'application/problem+json')
    .set('Cache-Control', 'no-store')
    .send(Buffer.from(`${JSON.stringify(problem)}\n`));
}

function sendRefusal(res: Response, refusal: PkiError, instance: string): void {
  const { status, retryable } = PROBLEMS[refusal.code];
  // A full disk does not empty itself by the second.
  if (retryable && status !== 507) res.set('Retry-After', String(retryAfterSeconds(refusal)));
  if (status === 401) res.set('WWW-Authenticate', res.locals.challenge);
  sendProblem(res, status, { ...problemOf(refusal), instance });
}

/** The one place where anything thrown becomes an answer. Express knows it by its four parameters. */
export function refuse(failure: unknown, req: Request, res: Response, _next: NextFunction): void {
  const refusal = refusalOf(failure);
  if (res.headersSent) {
    // Too late for a status: the client must see that the answer is not whole.
    req.log.error({ err: failure }, 'an answer was cut off');
    res.destroy();
    return;
  }
  if (req.socket.destroyed) {
    req.log.info('the client went away');
    return;
  }
  leaveBody(req, res);
  const instance = `urn:uuid:${req.id}`;
  if (refusal) {
    res.locals.refusal = refusal;
    if (PROBLEMS[refusal.code].status >= 500) res.err = refusal;
    sendRefusal(res, refusal, instance);
    return;
  }
  res.err = failure instanceof Error ? failure : new Error('something was thrown that is no error');
  sendProblem(res, 500, { type: 'about:blank', title: 'Internal Server Error', status: 500, instance });
}
