import { createHash } from 'node:crypto';
import { PkiError } from '../../errors.ts';
import {
  type Publication,
  type PublishedCertificate,
  readCrl,
  readGatewayCrls,
  readLinks,
  readPublication,
} from '../../status/index.ts';
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

const crlHtml = (base: string, { hasCrls, authority, generation }: PublishedCertificate): Html =>
  hasCrls
    ? html`<br><a href="${base}/crl/${authority}/${String(generation)}.crl">its CRL</a>`
    : html`<br>It may not sign CRLs.`;

const certificateHtml = (base: string, certificate: PublishedCertificate): Html =>
  html`<dt>${certificate.subject}</dt><dd>${certificate.key}, from ${formatInstant(certificate.notBefore)} to
${formatInstant(certificate.notAfter)}<br>SHA-256 <code>${certificate.fingerprint}</code>${crlHtml(base, certificate)}</dd>`;

function publicationPage({ fleet, root, trusted, links, warnings }: Publication): string {
  const base = `/pki/${fleet.name}`;
  const warned = warnings.map((warning) => html`<p class="warning">${warning}</p>`);
  const crls = trusted.every(({ hasCrls }) => hasCrls)
    ? html`<li><a href="${base}/crls.pem">crls.pem</a>: what was revoked, a CRL for each CA; made anew often, so fetch
it again and again</li>`
    : html``;
  const linked =
    links === ''
      ? html``
      : html`<li><a href="${base}/links.pem">links.pem</a>: from one root to the other, while the fleet goes over to
another root: for whoever can trust but one</li>`;
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
<li><a href="${base}/fingerprint.txt">fingerprint.txt</a>: the root’s fingerprint</li>${linked}${crls}</ul>
<h2>Root</h2><dl>${certificateHtml(base, root)}</dl>
<h2>In the trust bundle</h2><dl>${trusted.map((one) => certificateHtml(base, one))}</dl>`;
  return page(`Fleet ${fleet.name}`, body);
}

interface PublishedFile {
  /** Below `/pki/:fleet/`. */
  readonly path: string;
  readonly mediaType: string;
  readonly content: (edge: Edge, fleet: string, req: Request) => Promise<string | Uint8Array>;
}

/** A file that says something of the publication as a whole. */
const ofPublication =
  (content: (publication: Publication) => string | Uint8Array): PublishedFile['content'] =>
  async ({ ca }, fleet) =>
    content(await readPublication(ca, fleet));

const FILES: readonly PublishedFile[] = [
  { path: '', mediaType: 'text/html; charset=utf-8', content: ofPublication(publicationPage) },
  {
    path: 'fleet-root.pem',
    mediaType: 'application/x-pem-file',
    content: ofPublication(({ root }) => root.pem),
  },
  {
    path: 'fleet-root.der',
    mediaType: 'application/pkix-cert',
    content: ofPublication(({ root }) => root.der),
  },
  {
    path: 'trust-bundle.pem',
    mediaType: 'application/x-pem-file',
    content: ofPublication(({ trustBundle }) => trustBundle),
  },
  {
    path: 'links.pem',
    mediaType: 'application/x-pem-file',
    content: ({ ca }, fleet) => readLinks(ca, fleet),
  },
  {
    path: 'fingerprint.txt',
    mediaType: 'text/plain; charset=utf-8',
    content: ofPublication(({ root }) => `sha256 ${root.fingerprint}\n`),
  },
  {
    path: 'crls.pem',
    mediaType: 'application/x-pem-file',
    content: ({ ca }, fleet) => readGatewayCrls(ca, fleet),
  },
  {
    // RFC 5280, 4.2.1.13: one CRL, DER, as application/pkix-crl.
    path: 'crl/:authority/:generation.crl',
    mediaType: 'application/pkix-crl',
    content: async ({ ca }, fleet, req) =>
      (await readCrl(ca, fleet, pathParameter(req, 'authority'), pathParameter(req, 'generation'))).der,
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
    const octets = Buffer.from(await content(edge, name, req));
    res.set({ ETag: entityTag(octets), 'Cache-Control': 'public, max-age=300', 'Content-Type': mediaType });
    res.send(octets);
  };

export const publicationRoutes: readonly OpenRoute[] = FILES.map((file) => ({
  method: 'get',
  path: `/pki/:fleet/${file.path}`,
  handle: serve(file),
}));
