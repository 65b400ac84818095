import { PkiError } from '../errors.ts';

/** What a bundle is made of. Everything a layout's entries may need, and nothing else. */
export interface BundleContent {
  readonly deviceId: string;
  /** The device certificate, PEM. */
  readonly certificate: string;
  /** Intermediates, PEM, the issuer first; '' where the root issued. */
  readonly intermediates: string;
  /** The device's private key, PKCS#8 PEM; null where the device has it, as it should. */
  readonly privateKey: string | null;
  /** The gateway's server root(s), PEM. */
  readonly gatewayRoot: string | null;
  readonly gatewayUrl: string | null;
}

/** One file of a layout. `content` gives null where the file does not belong in this bundle. */
export interface LayoutEntry {
  readonly name: string;
  readonly mode: number;
  readonly content: (bundle: BundleContent) => string | null;
}

/** A layout is data: which files, in which order, with which octets. */
export interface Layout {
  readonly name: string;
  readonly entries: readonly LayoutEntry[];
  /** What the fleet must have for this layout to work at its target. */
  readonly needs: readonly ('gatewayRoot' | 'gatewayUrl')[];
}

export interface BundleFile {
  readonly name: string;
  readonly mode: number;
  readonly content: Uint8Array;
}

const MEANING = {
  gatewayRoot: "the gateway's server root (gatewayRoot), which becomes root.crt",
  gatewayUrl: "the gateway's URL (gatewayUrl)",
} as const;

/**
 * The files of a bundle, in the layout's order. The same content gives the same octets. Refuses
 * `bad-request` where the fleet lacks what the layout needs: a bundle without it would only show its
 * fault on the device.
 */
export function layOut(layout: Layout, bundle: BundleContent): readonly BundleFile[] {
  const missing = layout.needs.filter((need) => bundle[need] === null);
  if (missing.length > 0) {
    throw new PkiError(
      'bad-request',
      `The layout ${layout.name} cannot be made: the fleet has not ${missing.map((need) => MEANING[need]).join(' and ')}.`,
    );
  }
  return layout.entries.flatMap(({ name, mode, content }) => {
    const text = content(bundle);
    return text === null ? [] : [{ name, mode, content: Buffer.from(text, 'utf8') }];
  });
}
