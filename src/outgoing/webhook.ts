import { createHmac } from 'node:crypto';
import type { Random } from '../random.ts';
import { CallFailure, type Line } from './call.ts';
import { ARRIVED, failed, type Outcome } from './outcome.ts';

const PREFIX = 'whsec_';

/** A secret that both sides keep: 32 octets, in the form of Standard Webhooks. */
export const makeWebhookSecret = (random: Random): string =>
  `${PREFIX}${Buffer.from(random.bytes(32)).toString('base64')}`;

/**
 * The signature of a message (Standard Webhooks, "Signature scheme"): `v1,` and the HMAC-SHA256, base64, over
 * id, time in seconds and body, put together with full stops.
 */
export function signWebhook(secret: string, id: string, at: Date, body: string): string {
  const key = Buffer.from(secret.slice(PREFIX.length), 'base64');
  const seconds = Math.floor(at.getTime() / 1000);
  return `v1,${createHmac('sha256', key).update(`${id}.${seconds}.${body}`).digest('base64')}`;
}

export interface WebhookMessage {
  readonly id: string;
  readonly body: string;
  readonly at: Date;
}

/** Tells a webhook. Any 2xx is an arrival; 410 says that it is not to be told any more. */
export async function tellWebhook(
  line: Line,
  { url, secret }: { readonly url: string; readonly secret: string },
  { id, body, at }: WebhookMessage,
): Promise<Outcome> {
  try {
    const { status, waitMs } = await line.call({
      url: new URL(url),
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'webhook-id': id,
        'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
        'webhook-signature': signWebhook(secret, id, at, body),
      },
      body,
    });
    if (status >= 200 && status < 300) return ARRIVED;
    if (status >= 300 && status < 400)
      return failed(`The webhook answers with a redirect (${status}), which is not followed.`, 'later');
    return failed(`The webhook answers ${status}.`, status === 410 ? 'never' : 'later', { waitMs });
  } catch (failure) {
    if (failure instanceof CallFailure) return failed(failure.message, 'later', failure);
    throw failure;
  }
}
