import { createHash } from 'node:crypto';
import { PkiError } from '../../errors.ts';
import { type Publication, type PublishedCertificate, readPublication } from '../../status/index.ts';
import type { Edge, OpenRoute } from '../edge.ts';
import { type Html, html, page } from '../html.ts';
import { formatInstant } from '../instant.ts';
import { NAME } from '../names.ts';
import { pathParameter, type Request, type Response } from '../web.ts';

/** Where the fleet root goes, in the words of the target's people. */
const UPLOAD: Readonly<Record<string, string>> = {
  'ota-connect': 'Register fleet-root.pem with the OTA Connect account of this fleet.',
  'ota-ce': 'Make fleet-root.pem the device CA that the gateway of ota-community-edition trusts.',
  generic: 'Let the gateway trust fleet-root.pem as the CA of its clients.',
};

const certificateHtml = (certificate: PublishedCertificate): Html =>
  html`<dt>${certificate.subject}</dt><dd>${certificate.key}, from ${formatInstant(certificate.notBefore)} to
${formatInstant(certificate.notAfter)}<br>SHA-256 <code>${certificate.fingerprint}</code></dd>`;

function publicationPage({ fleet, root, trusted, warnings }: Publication): string {
  const base = `/pki/${fleet.name}`;
  const warned = warnings.map((warning) => html`<p class="warning">${warning}</p>`);
  const body = html`<h1>Fleet ${fleet.name}</h1>
<p>The devices of this fleet prove who they are with certificates under the root below.
${UPLOAD[fleet.target] ?? UPLOAD.generic ?? ''}
Compare the fingerprint with one that reached you another way before you trust it.</p>
${warned}
<h2>Files</h2>
<ul><li><a href="${base}/fleet-root.pem">fleet-root.pem</a>: the root, to upload
(<a href="${base}/fleet-root.der">DER</a>)</li>
<li><a href="${base}/trust-bundle.pem">trust-bundle.pem</a>: what a gateway must trust where devices send their
own certificate alone, as those with an HSM do</li>
<li><a href="${base}/fingerprint.txt">fingerprint.txt</a>: the root’s fingerprint</li></ul>
<h2>Root</h2><dl>${certificateHtml(root)}</dl>
<h2>In the trust bundle</h2><dl>${trusted.map(certificateHtml)}</dl>`;
  return page(`Fleet ${fleet.name}`, body);
}

interface PublishedFile {
  readonly name: string;
  readonly mediaType: string;
  readonly content: (publication: Publication) => string | Uint8Array;
}

const FILES: readonly PublishedFile[] = [
  { name: '', mediaType: 'text/html; charset=utf-8', content: publicationPage },
  { name: 'fleet-root.pem', mediaType: 'application/x-pem-file', content: ({ root }) => root.pem },
  { name: 'fleet-root.der', mediaType: 'application/pkix-cert', content: ({ root }) => root.der },
  { name: 'trust-bundle.pem', mediaType: 'application/x-pem-file', content: (p) => p.trustBundle },
  {
    name: 'fingerprint.txt',
    mediaType: 'text/plain; charset=utf-8',
    content: ({ root }) => `sha256 ${root.fingerprint}\n`,
  },
];

/** A strong validator: equal octets have equal tags, and no others do. */
const entityTag = (octets: Uint8Array): string =>
  `"${createHash('sha256').update(octets).digest('base64url')}"`;

/** Serves a file of a fleet; Express answers 304 where the client has it already (RFC 9110, 13.1.2). */
const serve =
  ({ mediaType, content }: PublishedFile) =>
  async (edge: Edge, req: Request, res: Response): Promise<void> => {
    const name = pathParameter(req, 'fleet');
    if (!NAME.test(name)) throw new PkiError('not-found', 'Nothing is published under this name.');
    const octets = Buffer.from(content(await readPublication(edge.ca, name)));
    res.set({ ETag: entityTag(octets), 'Cache-Control': 'public, max-age=300', 'Content-Type': mediaType });
    res.send(octets);
  };

export const publicationRoutes: readonly OpenRoute[] = FILES.map((file) => ({
  method: 'get',
  path: `/pki/:fleet/${file.name}`,
  handle: serve(file),
}));
