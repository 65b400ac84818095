import type { IncomingMessage, ServerResponse } from 'node:http';

const waiting = new WeakSet<IncomingMessage>();

/** Notes that the client waits for `100 Continue` before it sends its body (RFC 9110, 10.1.1). */
export const noteExpectation = (req: IncomingMessage): void => void waiting.add(req);

/** True while the client waits: its body has not begun and, without a word from us, may never. */
export const awaitsContinue = (req: IncomingMessage): boolean => waiting.has(req);

/** Tells a client that waits to send its body: everything that can be judged without it was. */
export function inviteBody(req: IncomingMessage, res: ServerResponse): void {
  if (waiting.delete(req)) res.writeContinue();
}
