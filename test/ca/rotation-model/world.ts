import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Act,
  type CaContext,
  createAuthority,
  createFleet,
  createInlineSteps,
  type Fleet,
  type Generation,
} from '../../../src/ca/index.ts';
import { createPolicy } from '../../../src/policy/index.ts';
import { makeDeviceKey } from '../../../src/pool/index.ts';
import type { Store } from '../../../src/store/index.ts';
import { openStoreInProcess } from '../../../src/store/sqlite-store.ts';
import { checkCaSound } from '../../support/assert-ca-sound.ts';
import { type FixedClock, fixedClock, seededRandom } from '../../support/fixed.ts';
import { type MemoryKeystore, memoryKeystore } from '../../support/memory-keystore.ts';
import type { Line, Member } from './model.ts';

/** The process ended: nothing that it would have done after that is done. */
export class Crash extends Error {
  override readonly name = 'Crash';
}

/** Where a process ends: at its `write`th write, before it is on disk or when it is. */
export interface CrashPoint {
  readonly write: number;
  readonly when: 'before' | 'after';
}

const READS = /^(find|get|list|search|count|read|next|settled|verify|open$|held$)/;

/** Counts what changes something, and ends all of it where it is told to. */
class Power {
  #point: CrashPoint | null = null;
  #writes = 0;
  #isOff = false;

  arm(point: CrashPoint | null): void {
    this.#point = point;
    this.#writes = 0;
    this.#isOff = false;
  }

  #end(): never {
    this.#isOff = true;
    throw new Crash();
  }

  guard<T extends object>(adapter: T): T {
    const call = async (run: () => unknown): Promise<unknown> => {
      if (this.#isOff) throw new Crash();
      const isHere = ++this.#writes === this.#point?.write;
      if (isHere && this.#point?.when === 'before') this.#end();
      const done = await run();
      if (isHere) this.#end();
      return done;
    };
    return new Proxy(adapter, {
      get: (target, name) => {
        const value = Reflect.get(target, name);
        if (typeof value !== 'function' || READS.test(String(name))) return value;
        return (...args: unknown[]) => call(() => value.apply(target, args));
      },
    });
  }
}

/** A CA on a real ledger, which ends where it is told to and goes on as another process would. */
export class World {
  readonly #folder = mkdtempSync(join(tmpdir(), 'fleetca-model-'));
  #file = '';
  readonly #power = new Power();
  readonly #stores: Store[] = [];
  readonly #random = seededRandom(this.#folder);
  readonly clock: FixedClock = fixedClock();
  readonly keystore: MemoryKeystore = memoryKeystore();
  ca!: CaContext;
  store!: Store;
  fleet!: Fleet;

  static async open(): Promise<World> {
    const world = new World();
    world.restart();
    const { ca } = world;
    const wish = { keyAlgorithm: 'ec-p256', profile: null, commonName: null } as const;
    world.fleet = await createFleet(ca, world.act(), {
      ...{ name: 'demo', target: 'generic', gatewayRoot: null },
      gatewayUrl: 'https://gateway.example.com:8000',
    });
    await createAuthority(ca, world.act(), world.fleet, { ...wish, name: 'root', kind: 'root' });
    await createAuthority(ca, world.act(), world.fleet, { ...wish, name: 'line-7', kind: 'issuing' });
    return world;
  }

  act(): Act {
    return { at: this.clock.now(), actor: { kind: 'token', id: '0011223344556677', role: 'security' } };
  }

  /**
   * What another process finds. That of before is not closed, for nobody closes one that is killed; its file is
   * copied as it lies there, because it holds the lock.
   */
  restart(): void {
    this.#power.arm(null);
    const runId = (this.#stores.length + 1).toString(16).padStart(16, '0');
    const before = this.#file;
    this.#file = join(this.#folder, `${runId}.sqlite`);
    for (const part of ['', '-wal'])
      if (existsSync(before + part)) copyFileSync(before + part, this.#file + part);
    this.store = openStoreInProcess({ file: this.#file, runId, at: this.clock.now() });
    this.#stores.push(this.store);
    const store = this.#power.guard(this.store);
    const keystore = this.#power.guard(this.keystore);
    const tools = { keystore, policy: createPolicy(), random: this.#random, makeKey: makeDeviceKey };
    this.ca = {
      ...tools,
      ...{ ledger: store, registrations: store, servers: store, revocations: store, restorations: store },
      ...{ devices: store, rotation: store, links: store, expiries: store, imports: store },
      ...{ steps: createInlineSteps(tools), clock: this.clock, runId, stranded: new Set() },
    };
  }

  crashAt(point: CrashPoint | null): void {
    this.#power.arm(point);
  }

  generations(): Promise<readonly Generation[]> {
    return this.store.listGenerations(this.fleet.id);
  }

  /** As the model sees them. */
  async members(): Promise<Member[]> {
    const all = await this.generations();
    return all.map((one) => ({
      ...{ line: one.authority as Line, number: one.number, state: one.state, withdrawn: one.withdrawn },
      key: one.key,
      root: one.kind === 'root' ? null : (all.find(({ id }) => id === one.issuerId)?.number ?? null),
    }));
  }

  async entries(): Promise<number> {
    let last = 0;
    for (;;) {
      const page = await this.store.listAudit(last, 1000);
      if (page.length === 0) return last;
      last = page.at(-1)?.seq ?? last;
    }
  }

  /** What does not hold in the ledger, in words. */
  async faults(): Promise<readonly string[]> {
    return checkCaSound(this.#file);
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#stores.map((store) => store.close(this.clock.now())));
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
