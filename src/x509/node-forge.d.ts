// The two files of node-forge that are used: the whole of it takes far longer to load.
declare module 'node-forge/lib/util.js' {
  /** Octets, each as a character up to U+00FF. */
  interface ByteStringBuffer {
    getBytes(): string;
  }
  const util: { createBuffer(octets: string): ByteStringBuffer };
  export = util;
}

declare module 'node-forge/lib/rc2.js' {
  import type util from 'node-forge/lib/util.js';

  type ByteStringBuffer = ReturnType<typeof util.createBuffer>;
  interface BlockCipher {
    readonly output: ByteStringBuffer;
    start(iv: string): void;
    update(input: ByteStringBuffer): void;
    /** `unpad` may take the padding from what was decrypted; false: it does not fit. */
    finish(unpad: () => boolean): boolean;
  }
  const rc2: { createDecryptionCipher(key: string, effectiveBits: number): BlockCipher };
  export = rc2;
}
