import { parentPort, workerData } from 'node:worker_threads';
import { answerOf, argumentsOf } from './packed-calls.ts';
import { openStoreInProcess } from './sqlite-store.ts';
import type { Store, StoreSettings } from './store.ts';
import { type Answer, type Call, packError } from './wire.ts';

/** The thread that SQLite runs in, so that its syncs hold up nobody else. */
function host(port: NonNullable<typeof parentPort>): void {
  const answer = (message: Answer, transfer: readonly ArrayBuffer[] = []): void =>
    port.postMessage(message, transfer);
  let store: Store;
  try {
    store = openStoreInProcess(workerData as StoreSettings);
  } catch (error) {
    answer({ id: 0, error: packError(error) });
    return;
  }
  const methods = store as unknown as Record<string, (...args: readonly unknown[]) => Promise<unknown>>;
  port.on('message', async ({ id, method, args }: Call) => {
    try {
      const given = argumentsOf(method).unpack(args) as readonly unknown[];
      const { value, transfer } = answerOf(method).pack(await methods[method]?.(...given));
      answer({ id, value }, transfer);
    } catch (error) {
      answer({ id, error: packError(error) });
    }
    if (method === 'close') port.close();
  });
  answer({ id: 0, value: store.abandoned });
}

if (parentPort) host(parentPort);
