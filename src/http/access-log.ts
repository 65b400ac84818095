import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pinoHttp } from 'pino-http';
import type { Requester } from '../enrollment/index.ts';
import { PkiError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { NextFunction, Request, Response } from './web.ts';

interface Locals {
  readonly locals?: { readonly requester?: Requester; readonly refusal?: unknown };
}

/** Without the query: a script may have put there what belongs in a header. */
const pathOf = (url: string | undefined): string => (url ?? '').split('?', 1)[0] ?? '';

/** Who asked, and why it was refused. */
function describe(_req: IncomingMessage, res: ServerResponse & Locals): object {
  const { requester, refusal } = res.locals ?? {};
  return {
    ...(requester ? { tokenId: requester.id, role: requester.role } : {}),
    ...(refusal instanceof PkiError ? { code: refusal.code, facts: refusal.facts } : {}),
  };
}

function levelOf(_req: IncomingMessage, res: ServerResponse): 'error' | 'info' {
  return res.statusCode >= 500 ? 'error' : 'info';
}

/**
 * Gives every request an id of our own (a client's would let it write into the log), names it in
 * `X-Request-Id`, and logs one line when the answer is out.
 */
export function createAccessLog(logger: Logger): (req: Request, res: Response, next: NextFunction) => void {
  const log = pinoHttp({
    logger,
    genReqId: () => randomUUID(),
    quietReqLogger: true,
    customAttributeKeys: { reqId: 'requestId', req: 'request', res: 'response', responseTime: 'tookMs' },
    wrapSerializers: false,
    serializers: {
      request: (req: IncomingMessage) => ({
        method: req.method,
        path: pathOf(req.url),
        from: req.socket.remoteAddress,
      }),
      response: (res: ServerResponse) => ({ status: res.headersSent ? res.statusCode : null }),
    },
    customSuccessObject: (req, _res, said) => ({ request: req, ...said }),
    customErrorObject: (req, _res, _error, said) => ({ request: req, ...said }),
    customSuccessMessage: (_req, res) => (res.writableFinished ? 'answered' : 'the client went away'),
    customErrorMessage: () => 'answered with an error',
    customLogLevel: levelOf,
    customProps: describe,
  });
  return (req, res, next) => {
    log(req, res);
    res.set('X-Request-Id', String(req.id));
    next();
  };
}
