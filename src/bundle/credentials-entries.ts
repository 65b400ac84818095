/** What an entry of credentials.zip is, by its name. */
export interface CredentialsEntry {
  readonly meaning: string;
  /** True where its octets are a secret, or hold one. */
  readonly secret: boolean;
}

/** The entries that tools read; all at the root of the archive, in these letters. */
export const CREDENTIALS_ENTRIES = new Map([
  ['autoprov.url', { meaning: "the gateway's URL", secret: false }],
  ['autoprov_credentials.p12', { meaning: 'registration key, certificate and gateway CA', secret: true }],
  ['server_ca.pem', { meaning: "the root of the gateway's server certificate", secret: false }],
  ['treehub.json', { meaning: 'where file systems go, and how to log in there', secret: true }],
  ['tufrepo.url', { meaning: 'the image repository', secret: false }],
  ['api_gateway.url', { meaning: 'the director gateway', secret: false }],
  ['root.json', { meaning: 'Uptane root metadata', secret: false }],
  ['targets.pub', { meaning: 'Uptane targets key, public', secret: false }],
  ['targets.sec', { meaning: 'Uptane targets key, secret', secret: true }],
  ['client_auth.p12', { meaning: 'key and certificate for treehub and the image repository', secret: true }],
  ['server.p12', { meaning: 'whom to trust there', secret: false }],
] as const satisfies readonly (readonly [string, CredentialsEntry])[]) as ReadonlyMap<
  string,
  CredentialsEntry
>;
