/**
 * What a lot may be, in one place; `openapi.yaml` and `docs/batches.md` say the same. A row at fault is
 * refused alone; what is wrong with the container ends the lot, and what came before it stands.
 */
export const LIMITS = {
  /** Octets of a row, and of a file in an archive. A CSR with a key of 8192 bits has under 4 kB in PEM. */
  rowOctets: 64 * 1024,
  /** Ten times the largest lot that we measure; it stops what never ends, before its outcomes fill the disk. */
  rows: 10_000_000,
  /** Lines without anything cost a line's splitting and nothing else; a file that is mostly those is no lot. */
  blankRows: 1_000_000,
  /** Six columns have a meaning, and a request has at most 16 labels; the rest is room for labels of others. */
  csvColumns: 64,
  /** An order over what zip tools make without zip64; each entry costs some 50 octets while the lot runs. */
  zipEntries: 100_000,
  /** 100,000 requests of 4 kB and their directory. It lies in the data folder while it is read. */
  zipOctets: 512 * 1024 * 1024,
  /** Zips that lie in the data folder at one time: together at most 2 GiB. */
  zipsAtOnce: 4,
  /** Names of a tar's entries are remembered, 32 octets each at most, so as to see the second of a name. */
  tarEntries: 1_000_000,
  /** An extended header of a tar (a long name). Paths have 4096 octets at most on Linux. */
  tarHeaderOctets: 64 * 1024,
  /** Requests shrink to a half or a third, lines that repeat to a tenth; deflate can do 1032 to 1. */
  expansion: 100,
  /** So much may come out before the ratio counts: a short lot of equal rows is no bomb. */
  expansionFreeOctets: 1024 * 1024,
} as const;
