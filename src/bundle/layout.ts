import type { Fleet } from '../ca/index.ts';
import type { Random } from '../random.ts';
import type { Certificate } from '../x509/index.ts';

/** What all bundles under one issuer share. It is known before a certificate is. */
export interface BundleLine extends Pick<Fleet, 'target' | 'gatewayUrl' | 'gatewayRoot' | 'settings'> {
  /** The CAs above a device's certificate: its issuer first, the fleet's root last. */
  readonly issuers: readonly Certificate[];
  /** From the other root of a rotation to this one, for a gateway that trusts that alone; mostly none. */
  readonly links: readonly Certificate[];
  /** The time at which the bundle is judged. */
  readonly now: Date;
}

/** Where the device's private key is. */
export type DeviceKey =
  /** With the device, as it should be, or with whoever it was handed to. */
  | { readonly kind: 'elsewhere' }
  /** Here, for this once: PKCS#8, DER. A PKCS#12 file is made with the passphrase. */
  | {
      readonly kind: 'clear';
      readonly pkcs8: Uint8Array;
      readonly passphrase: string;
      readonly random: Random;
    }
  /** In an envelope for a recipient: CMS EnvelopedData, PEM. */
  | { readonly kind: 'envelope'; readonly pem: string };

/** What a bundle is made of. Everything a layout's entries may need, and nothing else. */
export interface BundleContent {
  readonly line: BundleLine;
  readonly deviceId: string;
  /** What stands for the device in the name of a file or folder. */
  readonly folder: string;
  readonly certificate: Certificate;
  readonly key: DeviceKey;
}

type FileContent = string | Uint8Array;

/** One file of a device. */
export interface LayoutEntry {
  /** `<id>` stands for the device's folder name. */
  readonly name: string;
  readonly mode: number;
  readonly content: (bundle: BundleContent) => FileContent;
  /** Whether this bundle has the file; absent: every one has. */
  readonly when?: (bundle: BundleContent) => boolean;
}

/** One file that stands once in an archive, beside the devices of the line. */
export interface SharedEntry {
  readonly name: string;
  readonly mode: number;
  readonly content: (line: BundleLine) => string;
}

/** Why a bundle would not work where it goes: it is not made, or it is made with a warning. */
export interface Finding {
  readonly verdict: 'refuse' | 'warn';
  readonly message: string;
}

export type LineCheck = (line: BundleLine) => Finding | undefined;
export type DeviceCheck = (bundle: BundleContent) => Finding | undefined;

/** A layout is data: which files, where, in which order, with which octets, and what must hold. */
export interface Layout {
  readonly name: string;
  /** Where a device's files lie: '' is the archive's root, `<id>` stands for the device's folder name. */
  readonly folder: string;
  readonly entries: readonly LayoutEntry[];
  readonly shared: readonly SharedEntry[];
  /** What the fleet must have. */
  readonly needs: readonly ('gatewayRoot' | 'gatewayUrl')[];
  /** A private key that the CA made: taken along, has no place, or there must be one (in clear or envelope). */
  readonly madeKey: 'taken' | 'no-place' | 'due';
  readonly lineChecks: readonly LineCheck[];
  readonly deviceChecks: readonly DeviceCheck[];
}

export interface BundleFile {
  /** From the archive's root, or from its folder. */
  readonly name: string;
  readonly mode: number;
  readonly content: Uint8Array;
}

const ID = '<id>';

const octetsOf = (content: FileContent): Uint8Array =>
  typeof content === 'string' ? Buffer.from(content, 'utf8') : content;

/** Where the files of a bundle lie in an archive, from its root. */
export const folderOf = ({ folder }: Layout, bundle: Pick<BundleContent, 'folder'>): string =>
  folder.replaceAll(ID, bundle.folder);

/**
 * The files of a bundle, in the layout's order; what the layout needs must be there (`verifyLine`). The
 * same content gives the same octets, except where a PKCS#12 file is made.
 */
export const layOut = ({ entries }: Layout, bundle: BundleContent): readonly BundleFile[] =>
  entries
    .filter(({ when }) => when?.(bundle) ?? true)
    .map(({ name, mode, content }) => ({
      name: name.replaceAll(ID, bundle.folder),
      mode,
      content: octetsOf(content(bundle)),
    }));

/** The files that stand beside the devices of a line. */
export const layOutShared = ({ shared }: Layout, line: BundleLine): readonly BundleFile[] =>
  shared.map(({ name, mode, content }) => ({ name, mode, content: octetsOf(content(line)) }));
