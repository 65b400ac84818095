/** What a device gets, and what there is to tell of it. All PEM. */
export interface DeviceCredentials {
  /** PKCS#8. */
  readonly privateKey: string;
  /** The certificate, then the intermediates, no root. */
  readonly chain: string;
  /** The gateway's server roots; null where nobody told them. */
  readonly gatewayRoots: string | null;
  readonly gatewayUrl: string | null;
  readonly warnings: readonly string[];
}
