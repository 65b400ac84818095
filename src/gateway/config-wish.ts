import type { Trust } from './trust.ts';

export type GatewayKind = 'nginx' | 'haproxy';

/** Where the reload hook fetches from. */
export interface PublishedAt {
  /** `https://ca.example.com:8443/pki/cars`, without a slash at its end. */
  readonly url: string;
  /** The published file that the gateway trusts. */
  readonly file: 'fleet-root.pem' | 'trust-bundle.pem';
  /** What the hook knows the service by, PEM; null: the machine's own CAs. */
  readonly ca: string | null;
}

/** What a real gateway is to be told. */
export interface GatewayConfigWish {
  /** The folder on the gateway's machine that the files go to; absolute. */
  readonly at: string;
  /** A port, or `address:port`. */
  readonly listen: string;
  /** null: any. */
  readonly serverName: string | null;
  /** `http://host:port` of the services behind it. */
  readonly upstream: string;
  readonly trust: Trust;
  /** null: whoever looks after the gateway puts new files there. */
  readonly published: PublishedAt | null;
}

export interface ConfigFile {
  readonly name: string;
  readonly mode: number;
  readonly content: string;
}
