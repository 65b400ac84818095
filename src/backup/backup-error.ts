/** A backup cannot be read, for a reason that the person at the keyboard can do something about. */
export class BackupError extends Error {
  override readonly name = 'BackupError';
}
