import { join, resolve } from 'node:path';
import writeFileAtomic from 'write-file-atomic';
import { systemClock } from '../../clock.ts';
import { makeFolder } from '../../folder.ts';
import { type GatewayKind, gatewayConfig, type PublishedAt, trustWarnings } from '../../gateway/index.ts';
import { segment } from '../client/client.ts';
import { readClientSettings } from '../client/settings.ts';
import { readTrust, type TrustOptions, trustSource } from '../gateway/trust-options.ts';
import type { GlobalOptions, Invocation } from '../invocation.ts';
import { fileFailure, LocalFailure } from '../local-failure.ts';
import { sayWarnings, show } from '../output.ts';
import { formatFields } from '../table.ts';

export interface GatewayConfigOptions extends TrustOptions {
  readonly for: GatewayKind;
  readonly out: string;
  readonly at?: string;
  readonly listen: string;
  readonly serverName?: string;
  readonly upstream: string;
  readonly publishedUrl?: string;
}

/** Where the hook fetches from, and what it knows the service by; null where the trust is in files. */
async function publishedAt(
  globals: GlobalOptions,
  { fleet, trusts, publishedUrl, crl }: GatewayConfigOptions,
): Promise<PublishedAt | null> {
  if (fleet === undefined) return null;
  if (crl !== undefined) {
    throw new LocalFailure(
      'usage',
      '--crl is for --trust-file: of a fleet the hook fetches what is published.',
    );
  }
  const { url, trust } = await readClientSettings(globals);
  if (trust.kind === 'pin') {
    throw new LocalFailure('usage', 'The hook knows the service by a CA, not by a pin.', {
      hint: 'give --ca-file',
    });
  }
  return {
    url: (publishedUrl ?? `${url.origin}/pki/${segment(fleet)}`).replace(/\/$/, ''),
    file: `${trusts}.pem`,
    ca: trust.kind === 'ca' ? trust.pem : null,
  };
}

/** `gateway config`: the files for a real gateway. */
export async function writeGatewayConfig(
  invocation: Invocation,
  options: GatewayConfigOptions,
): Promise<undefined> {
  const { output } = invocation;
  const out = resolve(options.out);
  const trust = await readTrust(trustSource(invocation, options));
  const files = gatewayConfig(options.for, {
    at: options.at ?? out,
    listen: options.listen,
    serverName: options.serverName ?? null,
    upstream: options.upstream,
    trust,
    published: await publishedAt(invocation.globals, options),
  });
  try {
    await makeFolder(out);
    for (const { name, content, mode } of files) await writeFileAtomic(join(out, name), content, { mode });
  } catch (failure) {
    throw fileFailure(out, failure);
  }
  const warnings = trustWarnings(trust, systemClock.now());
  const written = { files: files.map(({ name }) => join(out, name)), warnings };
  await show(output, written, () => formatFields(written.files.map((path) => ['file', path])));
  sayWarnings(output, warnings);
}
