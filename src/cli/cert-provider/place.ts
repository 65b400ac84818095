/** A file on its way: where it belongs, as the device names it, and all of its octets. */
export interface PlacedFile {
  readonly path: string;
  readonly content: string;
}

/**
 * Somewhere that credentials go. It is opened before there are any: a key that a server made is handed
 * out once, and must not be lost because nobody can write.
 */
export interface Place {
  /** For a person. */
  readonly name: string;
  /** Puts the files there, 0600, all of them or none; what was there before is back where it fails. */
  put(files: readonly PlacedFile[]): Promise<void>;
  /** Takes away all that was only needed on the way. Does not reject. */
  close(): Promise<void>;
}
