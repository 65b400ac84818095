import { spawn } from 'node:child_process';
import { isIP } from 'node:net';
import type { TlsVersion } from './handshake.ts';

/**
 * What a gateway asks of its clients. `unknown`: there is no `openssl` to look with, and Node does not tell.
 * `names`: the CAs that it says it accepts, in the form of RFC 4514; none is also an answer.
 */
export type Asked =
  | { readonly kind: 'unknown' }
  | { readonly kind: 'nothing' }
  | { readonly kind: 'certificate'; readonly names: readonly string[] };

const TIMEOUT_MS = 10_000;
const MOST_OCTETS = 1024 * 1024;

/** How names are printed: one form for what gateways name and what it is compared with. */
const NAME_FORM = ['-nameopt', 'RFC2253,utf8,-esc_msb'];

/** The output; null where the program is not there, or did not end in time. */
function runOpenssl(args: readonly string[], input = ''): Promise<string | null> {
  return new Promise((resolve) => {
    const child = spawn('openssl', args, { stdio: ['pipe', 'pipe', 'ignore'], timeout: TIMEOUT_MS });
    let text = '';
    // Without the program there is nobody to read it.
    child.stdin.on('error', () => undefined).end(input);
    child.stdout.setEncoding('utf8').on('data', (piece: string) => {
      if (text.length < MOST_OCTETS) text += piece;
    });
    child.on('error', () => resolve(null));
    child.on('close', (_status, signal) => resolve(signal === null ? text : null));
  });
}

/** Reads what `openssl s_client` prints of a CertificateRequest. */
export function readAsked(printed: string): Asked {
  const lines = printed.split(/\r?\n/);
  const start = lines.findIndex((line) => line.startsWith('Acceptable client certificate CA names'));
  const wasAsked =
    start >= 0 ||
    lines.some((line) => /^(?:Requested Signature Algorithms|Client Certificate Types)/.test(line));
  if (!wasAsked) return { kind: 'nothing' };
  const rest = start < 0 ? [] : lines.slice(start + 1);
  const end = rest.findIndex((line) => !/^[A-Za-z0-9.]+=/.test(line));
  return { kind: 'certificate', names: rest.slice(0, end < 0 ? undefined : end) };
}

/** Asks a gateway, without presenting a certificate. */
export async function askForCaNames(host: string, port: number, version: TlsVersion): Promise<Asked> {
  const address = host.includes(':') ? `[${host}]` : host;
  const printed = await runOpenssl([
    's_client',
    '-connect',
    `${address}:${port}`,
    ...(isIP(host) === 0 ? ['-servername', host] : []),
    version === 'TLSv1.2' ? '-tls1_2' : '-tls1_3',
    ...NAME_FORM,
  ]);
  return printed === null || printed === '' ? { kind: 'unknown' } : readAsked(printed);
}

/** The subject of a certificate, PEM, as OpenSSL prints it where a gateway names it; null where it does not. */
export async function subjectAsAsked(certificate: string): Promise<string | null> {
  const printed = await runOpenssl(['x509', '-noout', '-subject', ...NAME_FORM], certificate);
  return /^subject=(.*)$/m.exec(printed ?? '')?.[1] ?? null;
}
