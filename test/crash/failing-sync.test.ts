import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import { assertCaSound } from '../support/assert-ca-sound.ts';
import { isLeftOut } from '../support/counterpart.ts';
import { call, makeFleet, requestOne } from './calls.ts';
import { doubledIn, readLedgerFacts } from './ledger-facts.ts';
import { makeLot } from './lot.ts';
import { cleanUp, makeFolder, type ServiceProcess, spawnTracked, startService } from './service-process.ts';

afterEach(cleanUp);

/** Makes one sync of the log fail from now on, the nth, as a disk does that loses what it was given. */
async function failSync({ pid, database }: ServiceProcess, nth: number): Promise<() => Promise<void>> {
  const strace = spawnTracked('strace', [
    ...['-f', '-o', '/dev/null', '-p', String(pid), '-P', `${database}-wal`, '-e', 'trace=fsync,fdatasync'],
    ...['-e', `inject=fsync,fdatasync:error=EIO:when=${nth}`],
  ]);
  let said = '';
  for await (const piece of strace.stderr ?? []) {
    said += piece;
    if (said.includes('attached')) break;
  }
  return async () => {
    strace.kill('SIGINT');
    if (strace.exitCode === null) await once(strace, 'exit');
  };
}

describe.skipIf(isLeftOut('strace'))('with a sync that fails', () => {
  test.each([
    [1, 'intent'],
    [2, 'certificate'],
  ])('number %i, of the %s, the service signs no more until it is restarted', async (nth) => {
    const service = await startService({ data: makeFolder(), transport: 'http' });
    const { station } = await makeFleet(service);
    const [first, second, third] = makeLot(3);
    const before = await requestOne(service, station, first!.csr);

    const detach = await failSync(service, nth);
    const failed = await requestOne(service, station, second!.csr);
    expect([failed.status, failed.json.code]).toEqual([503, 'storage-unavailable']);
    await detach();
    // Syncs would work again; what they would say of the octets before is not to be believed.
    for (const { csr } of [second!, third!]) {
      const answer = await requestOne(service, station, csr);
      expect([answer.status, answer.json.code]).toEqual([503, 'storage-unavailable']);
    }
    const ready = await call(service, { path: '/readyz' });
    expect([ready.status, ready.json.code]).toEqual([503, 'storage-unavailable']);
    expect(ready.json.detail).toContain('restarted');
    const shown = await call(service, { path: before.headers.location ?? '', token: station });
    expect(shown.status).toBe(200);
    await service.stop();

    const again = await startService({ data: service.data, transport: 'http' });
    expect((await call(again, { path: '/readyz' })).status).toBe(200);
    for (const { csr } of [second!, third!])
      expect((await requestOne(again, station, csr)).status).toBeLessThan(300);
    await again.stop();
    const facts = await readLedgerFacts(again.database);
    expect([facts.certificates.size, doubledIn(facts)]).toEqual([3, []]);
    await assertCaSound(again.database, { stopped: true });
  });
});
