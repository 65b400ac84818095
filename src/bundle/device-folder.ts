import { createHash } from 'node:crypto';
import type { Layout } from './layout.ts';

/** Names that some file system or tool takes for something else, whatever extension follows. */
const RESERVED = /^(?:con|prn|aux|nul|clock\$|com[0-9]|lpt[0-9])(?:\.|$)/;
const PLAIN = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;
const MAX_OCTETS = 200;

const digestName = (deviceId: string): string =>
  `~${createHash('sha256').update(deviceId, 'utf8').digest('hex')}`;

/**
 * The folder of a device: its ID where that is a plain file name, in lower case and on every file
 * system; else `~` and the SHA-256 of the ID in hex. No ID leaves its folder, and no two share one:
 * an ID with capitals is plain too, because the ledger keeps IDs unique under case folding.
 */
export function deviceFolder(deviceId: string): string {
  const plain =
    PLAIN.test(deviceId) &&
    deviceId.length <= MAX_OCTETS &&
    !deviceId.endsWith('.') &&
    !RESERVED.test(deviceId.toLowerCase());
  return plain ? deviceId : digestName(deviceId);
}

/** The same in an archive of a layout, where a file that stands beside the devices may have the name. */
export function folderIn({ shared, folder }: Layout, deviceId: string): string {
  const name = deviceFolder(deviceId);
  const path = folder.replaceAll('<id>', name).toLowerCase();
  return shared.some((entry) => entry.name.toLowerCase() === path) ? digestName(deviceId) : name;
}
