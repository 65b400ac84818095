import type { IncomingMessage } from 'node:http';
import { Agent, type RequestOptions, request } from 'node:https';
import type { AnswerPace } from './findings.ts';
import { CONNECTIONS } from './plan.ts';
import { percentile } from './statistics.ts';

/** A server that takes one request a call. */
export interface Endpoint {
  readonly url: URL;
  /** PEM that the client trusts. */
  readonly ca: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** The part of the requests, at the beginning, whose answers are not counted. */
const UNCOUNTED = 0.1;

async function readText(answer: IncomingMessage): Promise<string> {
  return Buffer.concat((await answer.toArray()) as Buffer[]).toString('utf8');
}

/** Resolves when the whole answer is there. Rejects where it is no success. */
function post(options: RequestOptions, url: URL, body: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { ...options.headers, 'content-length': String(body.length) };
    const sent = request(url, { ...options, headers }, (answer) => {
      const { statusCode = 0 } = answer;
      if (statusCode === 200 || statusCode === 201) {
        answer.once('end', resolve).once('error', reject).resume();
        return;
      }
      readText(answer).then(
        (text) => reject(new Error(`${url.href} answered ${statusCode}: ${text.slice(0, 500)}`)),
        reject,
      );
    });
    sent.once('error', reject);
    sent.end(body);
  });
}

/** Posts all bodies, one after the other on each connection. Gives the milliseconds that each took. */
async function drive(
  { url, headers }: Endpoint,
  agent: Agent,
  bodies: readonly Uint8Array[],
): Promise<number[]> {
  const options: RequestOptions = { method: 'POST', agent, headers };
  const took: number[] = [];
  const rest = bodies.values();
  const lane = async (): Promise<void> => {
    for (const body of rest) {
      const began = performance.now();
      await post(options, url, body);
      took.push(performance.now() - began);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, lane));
  return took;
}

/** How quickly a server answers at `CONNECTIONS` keep-alive connections; the first tenth warms both sides up. */
export async function driveRequests(endpoint: Endpoint, bodies: readonly Uint8Array[]): Promise<AnswerPace> {
  const agent = new Agent({ ca: endpoint.ca, keepAlive: true, maxSockets: CONNECTIONS });
  try {
    const uncounted = Math.ceil(bodies.length * UNCOUNTED);
    await drive(endpoint, agent, bodies.slice(0, uncounted));
    const began = performance.now();
    const took = await drive(endpoint, agent, bodies.slice(uncounted));
    const seconds = (performance.now() - began) / 1000;
    return {
      perSecond: took.length / seconds,
      p50Ms: percentile(took, 0.5) ?? 0,
      p99Ms: percentile(took, 0.99) ?? 0,
    };
  } finally {
    agent.destroy();
  }
}
