/** Whoever listens to webhooks: takes what comes, and verifies it as receivers do, by the library of the scheme. */
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';

export interface Received {
  readonly id: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  // biome-ignore lint/suspicious/noExplicitAny: its form is the test's business
  readonly json: any;
}

async function readText(req: IncomingMessage): Promise<string> {
  let text = '';
  for await (const piece of req.setEncoding('utf8')) text += piece;
  return text;
}

export async function startWebhookReceiver() {
  const received: Received[] = [];
  let status: () => number = () => 204;
  const server = createServer(async (req, res) => {
    const body = await readText(req);
    const headers = Object.fromEntries(
      Object.entries(req.headers).map(([name, value]) => [name, String(value)]),
    );
    received.push({ id: headers['webhook-id'] ?? '', headers, body, json: JSON.parse(body) });
    res.writeHead(status()).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/hook`,
    received,
    answer: (how: () => number): void => {
      status = how;
    },
    stop: (): Promise<void> => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** Throws where the signature is not of this secret, or its time is not about now. */
export const verifyReceived = (secret: string, { body, headers }: Received): unknown =>
  new Webhook(secret).verify(body, { ...headers });
