import { createHash } from 'node:crypto';

/** Names that some file system or tool takes for something else, whatever extension follows. */
const RESERVED = /^(?:con|prn|aux|nul|clock\$|com[0-9]|lpt[0-9])(?:\.|$)/;
const PLAIN = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;
const MAX_OCTETS = 200;

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
  return plain ? deviceId : `~${createHash('sha256').update(deviceId, 'utf8').digest('hex')}`;
}
