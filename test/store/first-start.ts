import { openStoreInProcess } from '../../src/store/sqlite-store.ts';
import { newLine } from './line.ts';
import { NOON } from './sample.ts';

/** Opens a database, writes, and dies without closing it, so that its -wal and -shm stay. */
const [file = ''] = process.argv.slice(2);
const store = openStoreInProcess({ file, runId: '00000000000000dd', at: NOON });
const line = await newLine(store);
await line.issue(line.row('dev-1'));
await line.intend(line.row('dev-2'));
const opening = { id: 'lot', fleetId: line.fleet.id, tokenId: 'x', profile: null, authority: null };
await store.openBatch({ at: NOON, actor: { kind: 'service', id: 's', role: 's' } }, store.runId, opening);
process.kill(process.pid, 'SIGKILL');
