import { PkiError } from '../errors.ts';
import type { ConfigFile, GatewayConfigWish, GatewayKind } from './config-wish.ts';
import { haproxyFiles } from './haproxy-config.ts';
import { nginxFiles } from './nginx-config.ts';

/** Nothing that nginx, HAProxy or a shell would take for more than a word. */
const WORDS: Readonly<Record<string, RegExp>> = {
  at: /^\/[A-Za-z0-9._/-]*$/,
  listen: /^((\d{1,3}\.){3}\d{1,3}:)?\d{1,5}$/,
  serverName: /^[A-Za-z0-9._-]{1,253}$/,
  upstream: /^http:\/\/[A-Za-z0-9._-]+(:\d{1,5})?$/,
  published: /^https?:\/\/[A-Za-z0-9._[\]:-]+(\/[A-Za-z0-9._~%-]+)*$/,
};

function verifyWords({ at, listen, serverName, upstream, published }: GatewayConfigWish): void {
  const given = { at, listen, upstream, serverName, published: published?.url ?? null };
  for (const [name, word] of Object.entries(given)) {
    if (word === null || WORDS[name]?.test(word)) continue;
    throw new PkiError(
      'bad-request',
      `This cannot stand in a gateway's configuration: ${JSON.stringify(word)}.`,
      {
        violations: [
          { at: name, message: 'holds characters that have a meaning there, or has another form' },
        ],
      },
    );
  }
}

/**
 * The files for a real gateway: configuration, what it trusts, CRLs where there are any, and the hook that
 * keeps both current. The same wish gives the same octets. Refuses `bad-request` for a name, path or URL that
 * would say more than itself there.
 */
export function gatewayConfig(kind: GatewayKind, wish: GatewayConfigWish): readonly ConfigFile[] {
  verifyWords(wish);
  return kind === 'nginx' ? nginxFiles(wish) : haproxyFiles(wish);
}
