import { type ChildProcess, fork, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { environment } from '../../config/index.ts';

/** What the bench's own service must not take from the environment of whoever runs the bench. */
const isOurs = (name: string): boolean => name.startsWith('FLEETCA_') || name === 'DATABASE_URL';

const plainEnvironment = (): Record<string, string | undefined> =>
  Object.fromEntries(Object.entries(environment()).filter(([name]) => !isOurs(name)));

/**
 * A temporary folder (in the system's, see TMPDIR), and the processes and threads that work there. All
 * of it is gone when the workshop is closed, and also when the process ends without closing it.
 */
export class Workshop {
  readonly folder = mkdtempSync(join(tmpdir(), 'fleetca-bench-'));
  readonly #children = new Set<ChildProcess>();
  readonly #threads = new Set<Worker>();
  readonly #clear = (): void => this.#killAndRemove();
  #isClosed = false;

  constructor() {
    process.once('exit', this.#clear);
  }

  /** `env` is added to the environment of whoever runs the bench. */
  spawn(command: string, args: readonly string[], { env, ...options }: SpawnOptions): ChildProcess {
    this.#verifyOpen();
    return this.#keep(spawn(command, args, { env: { ...plainEnvironment(), ...env }, ...options }));
  }

  /** A module of ours (its URL under dist/) as a child process with a channel. */
  fork(module: URL): ChildProcess {
    this.#verifyOpen();
    const stdio = ['ignore', 'ignore', 'inherit', 'ipc'] as const;
    return this.#keep(fork(fileURLToPath(module), [], { env: plainEnvironment(), stdio: [...stdio] }));
  }

  /** A module of ours as a thread. */
  thread(module: URL, workerData: unknown): Worker {
    this.#verifyOpen();
    const worker = new Worker(module, { workerData });
    this.#threads.add(worker);
    worker.once('exit', () => this.#threads.delete(worker));
    return worker;
  }

  /** Kills what still runs and removes the folder. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const ends = [...this.#children].map((child) => once(child, 'exit').catch(() => undefined));
    for (const child of this.#children) child.kill('SIGKILL');
    await Promise.all([...ends, ...[...this.#threads].map((worker) => worker.terminate())]);
    this.#killAndRemove();
    process.off('exit', this.#clear);
  }

  /** A part that goes on after its time was up begins nothing new. */
  #verifyOpen(): void {
    if (this.#isClosed) throw new Error('the workshop is closed');
  }

  #keep(child: ChildProcess): ChildProcess {
    this.#children.add(child);
    const forget = (): void => void this.#children.delete(child);
    child.once('exit', forget);
    // Where the program is not there at all, there is no exit. Whoever started it hears of it as well.
    child.once('error', forget);
    return child;
  }

  #killAndRemove(): void {
    for (const child of this.#children) child.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
