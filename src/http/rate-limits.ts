import { type RateLimitRequestHandler, rateLimit } from 'express-rate-limit';
import { PkiError } from '../errors.ts';
import type { Request } from './web.ts';

const MINUTE_MS = 60_000;

interface Counted {
  readonly rateLimit?: { readonly resetTime?: Date };
}

function secondsLeft(req: Request & Counted): number {
  const end = req.rateLimit?.resetTime?.getTime() ?? 0;
  return Math.max(1, Math.ceil((end - Date.now()) / 1000));
}

/**
 * Counts calls by their source address (an IPv6 source is its /56) and refuses `rate-limited` over the
 * limit. Header fields of proxies do not change the source.
 */
export const limitRate = (perMinute: number, message: string): RateLimitRequestHandler =>
  rateLimit({
    windowMs: MINUTE_MS,
    limit: perMinute,
    standardHeaders: false,
    legacyHeaders: false,
    // Its checks for a forgotten `trust proxy` print to the console when a stranger sends such a field.
    validate: { xForwardedForHeader: false, forwardedHeader: false },
    handler: (req, _res, next) => {
      next(new PkiError('rate-limited', message, { facts: { retryAfterSeconds: secondsLeft(req) } }));
    },
  });
