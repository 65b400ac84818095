import { askForCaNames, subjectAsAsked } from './ca-names.ts';
import { TLS_VERSIONS } from './handshake.ts';

/** Whether a gateway says that it accepts certificates of a CA, and in words why that is not known. */
export type Acceptance = { readonly accepts: true } | { readonly accepts: false; readonly why: string };

/** Some gateways name hundreds of CAs: so many are told. */
const MOST_TOLD = 20;

function tell(names: readonly string[]): string {
  const more = names.length > MOST_TOLD ? ` and ${names.length - MOST_TOLD} more` : '';
  return `it names ${names.slice(0, MOST_TOLD).join('; ')}${more}`;
}

/**
 * Asks a gateway over TLS whether it names a CA (PEM) among those that it accepts: over the newest version that it
 * asks for a certificate over. Names are compared as OpenSSL prints them; keys are not in what a gateway says.
 */
export async function askWhetherAccepted(
  host: string,
  port: number,
  certificate: string,
): Promise<Acceptance> {
  const subject = await subjectAsAsked(certificate);
  const silent = { accepts: false, why: 'it did not answer, or there is no openssl here' } as const;
  if (subject === null) return silent;
  let told: Acceptance = silent;
  for (const version of TLS_VERSIONS.toReversed()) {
    const asked = await askForCaNames(host, port, version);
    if (asked.kind === 'unknown') continue;
    if (asked.kind === 'nothing') {
      told = { accepts: false, why: 'it asks its clients for no certificate, or does not speak TLS' };
      continue;
    }
    if (asked.names.includes(subject)) return { accepts: true };
    if (asked.names.length > 0) return { accepts: false, why: tell(asked.names) };
    return {
      accepts: false,
      why: 'it asks for a certificate and names no CA: look at its file yourself, and say so with --gateway and --word',
    };
  }
  return told;
}
