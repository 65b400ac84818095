import { Worker } from 'node:worker_threads';
import { PkiError } from '../errors.ts';
import { builtModule } from '../package-root.ts';
import type { Answer, Notice, Task } from './messages.ts';
import type { WorkerSettings } from './worker.ts';

/** Tasks that a worker holds at a time: one it works on, one at hand, so that it never waits for us. */
const TASKS_AT_HAND = 2;

/**
 * What a thread may hold of objects that hardly live, MiB. Left to itself the engine lets it grow to
 * several times that over a long lot, and gains nothing.
 */
const YOUNG_MIB = 12;

interface Job {
  readonly task: Task;
  readonly transfer: readonly ArrayBuffer[];
  /** Lower is sooner. */
  readonly rank: number;
  /** Where its chunk is; undefined: anywhere. */
  readonly worker: Member | undefined;
  readonly resolve: (done: { readonly answer: Answer; readonly worker: Member }) => void;
  readonly reject: (reason: unknown) => void;
}

/** One worker thread: answers come in the order of its tasks. */
export class Member {
  readonly #thread: Worker;
  readonly #held: Job[] = [];
  readonly #keys = new Set<string>();

  constructor(settings: WorkerSettings, free: () => void, ended: (member: Member) => void) {
    this.#thread = new Worker(builtModule('pool/worker.js'), {
      workerData: settings,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MIB },
    });
    this.#thread.on('message', (answer: Answer) => {
      this.#held.shift()?.resolve({ answer, worker: this });
      free();
    });
    this.#thread.on('error', (cause) => this.#fail(cause));
    this.#thread.on('exit', () => {
      this.#fail(undefined);
      ended(this);
    });
  }

  get load(): number {
    return this.#held.length;
  }

  hold(job: Job): void {
    this.#held.push(job);
    this.#thread.postMessage(job.task, job.transfer);
  }

  tell(notice: Notice): void {
    if (notice.kind === 'install') {
      if (this.#keys.has(notice.keyId)) return;
      this.#keys.add(notice.keyId);
    }
    this.#thread.postMessage(notice);
  }

  end(): Promise<unknown> {
    return this.#thread.terminate();
  }

  #fail(cause: unknown): void {
    for (const { reject } of this.#held.splice(0)) {
      reject(
        new PkiError('signer-unavailable', 'A worker of the service ended; nothing was issued.', { cause }),
      );
    }
  }
}

/** Hands tasks to workers: what finishes a chunk before what begins one, small chunks before large ones. */
export class Crew {
  readonly #settings: WorkerSettings;
  #members: Member[];
  #jobs: Job[] = [];
  #closing = false;

  constructor(settings: WorkerSettings, size: number) {
    this.#settings = settings;
    this.#members = Array.from({ length: size }, () => this.#hire());
  }

  /** Performs a task, on the worker named or on any. */
  perform(
    task: Task,
    transfer: readonly ArrayBuffer[],
    rank: number,
    worker?: Member,
  ): Promise<{ readonly answer: Answer; readonly worker: Member }> {
    return new Promise((resolve, reject) => {
      const job: Job = { task, transfer, rank, worker, resolve, reject };
      if (worker && !this.#members.includes(worker)) {
        reject(new PkiError('signer-unavailable', 'A worker of the service ended; nothing was issued.'));
        return;
      }
      const before = this.#jobs.findIndex((other) => other.rank > rank);
      this.#jobs.splice(before === -1 ? this.#jobs.length : before, 0, job);
      this.#hand();
    });
  }

  async close(): Promise<void> {
    this.#closing = true;
    await Promise.all(this.#members.map((member) => member.end()));
  }

  #hire(): Member {
    return new Member(
      this.#settings,
      () => this.#hand(),
      (member) => this.#replace(member),
    );
  }

  #replace(member: Member): void {
    this.#members = this.#members.filter((other) => other !== member);
    const lost = this.#jobs.filter(({ worker }) => worker === member);
    this.#jobs = this.#jobs.filter(({ worker }) => worker !== member);
    for (const { reject } of lost) {
      reject(new PkiError('signer-unavailable', 'A worker of the service ended; nothing was issued.'));
    }
    if (this.#closing) return;
    this.#members.push(this.#hire());
    this.#hand();
  }

  #freeFor(job: Job): Member | undefined {
    const able = job.worker ? [job.worker] : this.#members;
    const free = able.filter(({ load }) => load < TASKS_AT_HAND);
    return free.reduce<Member | undefined>(
      (best, one) => (best && best.load <= one.load ? best : one),
      undefined,
    );
  }

  #hand(): void {
    for (let i = 0; i < this.#jobs.length; ) {
      const job = this.#jobs[i] as Job;
      const member = this.#freeFor(job);
      if (!member) {
        i++;
        continue;
      }
      this.#jobs.splice(i, 1);
      member.hold(job);
    }
  }
}
