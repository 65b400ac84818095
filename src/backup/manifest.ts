import { z } from 'zod';
import { BackupError } from './backup-error.ts';

/** The last file of a backup; without it the backup is not whole. */
export const MANIFEST_NAME = 'manifest.json';

/** True of a path that leads nowhere but below the folder that it starts in. */
export const isInside = (path: string): boolean =>
  path.split('/').every((name) => name !== '' && name !== '.' && name !== '..' && !name.includes('\0'));

const fileSchema = z.strictObject({
  /** With `/`, below the data folder. */
  path: z.string().refine(isInside),
  size: z.int().min(0),
  /** SHA-256, hex. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});

export const manifestSchema = z.strictObject({
  format: z.literal('fleetca-backup'),
  version: z.literal(1),
  /** Of the program that made it. */
  program: z.string(),
  engine: z.enum(['sqlite', 'postgres']),
  /** When the database was as it is in here. */
  copiedAt: z.iso.datetime(),
  ledger: z.strictObject({
    /** Entries of the audit log, and the hash of the last: the head. */
    entries: z.int().min(0),
    head: z.string(),
    fleets: z.int().min(0),
  }),
  /** Keys that the ledger names and that are in a token: they are not in here. */
  keysInTokens: z.array(z.string()),
  /** Where the passphrase of the key files is: in here, or where the service had it from. */
  passphrase: z.enum(['included', 'not-included']),
  files: z.array(fileSchema),
});

/** What is in a backup. */
export type Manifest = z.infer<typeof manifestSchema>;
export type ManifestFile = Manifest['files'][number];

/** Throws `BackupError`. */
export function parseManifest(text: string): Manifest {
  try {
    return manifestSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new BackupError(
      'Its manifest is of another form: it was made by a newer program, or is no backup.',
      {
        cause,
      },
    );
  }
}
