/** A path as a shell takes it, so that the command in a message can be pasted. */
export const shellPath = (path: string): string =>
  /^[\w/.@+-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;

/** Permission bits as `chmod` has them: `0600`. */
export const octalMode = (mode: number): string => (mode & 0o777).toString(8).padStart(4, '0');

/** What is said of a path whose mode is not the one that is due, with the command that sets it. */
export const modeProblem = (path: string, mode: number, due: number): string =>
  `${path} has mode ${octalMode(mode)} where ${octalMode(due)} is due: chmod ${octalMode(due)} ${shellPath(path)}`;
