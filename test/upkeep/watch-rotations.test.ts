import { afterAll, expect, it } from 'vitest';
import { createLogger } from '../../src/log.ts';
import { watchRotations } from '../../src/upkeep/index.ts';
import { memoryCa } from '../support/memory-ca.ts';

const world = memoryCa();
afterAll(() => world.close());

it('says in the log, once over two starts, that the rotation of an authority has to begin', async () => {
  const fleet = await world.fleet('demo');
  const root = await world.root(fleet);
  world.clock.set(new Date(root.createdAt.getTime() + 3300 * 86_400_000));
  const said: string[] = [];
  const log = createLogger({ level: 'info', destination: { write: (line) => said.push(line) } });
  for (let start = 0; start < 2; start++) {
    const watch = watchRotations({ ca: world.ca, terms: { publishHours: 24 }, log });
    await watch.look();
    await watch.stop();
  }
  expect(said.map((line) => JSON.parse(line))).toMatchObject([
    { msg: 'a rotation has to begin', fleet: 'demo', authority: 'root', generation: 1, urgency: 'late' },
  ]);
});
