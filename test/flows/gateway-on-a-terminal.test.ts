/** `fleetca gateway` on a terminal: `script` of util-linux gives it one. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { callAsDevice } from '../support/call-as-device.ts';
import { isLeftOut } from '../support/counterpart.ts';
import { type Made, makeShop } from '../support/gateway-shop.ts';
import { scratchFolder } from '../support/service.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/fleetca.mjs', import.meta.url));
/** Cursor home, and all below it cleared. */
const FRESH = '\u001b[H\u001b[2J';
const ROWS = 14;

const shop = makeShop();
const folder = scratchFolder();
let terminal: ChildProcess;
let typed = '';

/** What stands on the screen now. */
const screen = (): string => typed.split(FRESH).at(-1) ?? '';
const portOf = (): number => Number(/at https:\/\/127\.0\.0\.1:(\d+)/.exec(typed)?.[1] ?? 0);

async function call(...presented: readonly Made[]): Promise<number> {
  const [leaf] = presented;
  const root = readFileSync(join(folder, 'gw/root.crt'), 'utf8');
  const chain = presented.map(({ pem }) => pem).join('');
  const { status } = await callAsDevice(portOf(), { chain, key: String(leaf?.key.pkcs8Pem), root });
  return status;
}

describe.skipIf(isLeftOut('script'))('fleetca gateway on a terminal', () => {
  beforeAll(async () => {
    writeFileSync(join(folder, 'trusted.pem'), shop.root.pem);
    const gateway = `'${process.execPath}' '${PROGRAM}' gateway --trust-file trusted.pem --own-root gw --port 0 --status-port off`;
    terminal = spawn('script', ['-qefc', `stty rows ${ROWS} cols 120; exec ${gateway}`, '/dev/null'], {
      cwd: folder,
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { PATH: process.env.PATH, FLEETCA_DATA: folder, TERM: 'xterm' },
    });
    terminal.stdout?.setEncoding('utf8').on('data', (text: string) => {
      typed += text;
    });
    await vi.waitUntil(() => portOf() > 0, { timeout: 60_000 });
  });
  afterAll(() => void terminal?.kill());

  it('draws who comes and who is refused, as they come', async () => {
    expect(screen()).toContain('0 online, 0 devices in all');
    expect(await call(shop.device('VIN-0001'), shop.line)).toBe(200);
    await expect.poll(screen, { timeout: 10_000 }).toMatch(/^VIN-0001 +online +\d\d:\d\d:\d\d +1 /m);
    expect(await call(shop.device('VIN-0002'))).toBe(400);
    await expect.poll(screen, { timeout: 10_000 }).toMatch(/^VIN-0002 .* UNABLE_TO_/m);
    expect(screen()).toContain('1 online, 1 devices in all, 1 kinds of refusals');
  });

  it('shows an ID from outside as text, whatever is in it, and no more lines than there are', async () => {
    // It would clear the screen and write over it.
    expect(await call(shop.device('\u001b[2J\u001b[HVIN-evil'), shop.line)).toBe(200);
    for (let i = 0; i < ROWS; i++) await call(shop.device(`VIN-1${i}`), shop.line);
    await expect.poll(screen, { timeout: 10_000 }).toContain(`${ROWS + 2} online`);
    expect(stripVTControlCharacters(screen())).toBe(screen());
    expect(screen().split('\n').length).toBeLessThanOrEqual(ROWS);
  });

  it('ends with Ctrl-C, with status 0', async () => {
    const ended = once(terminal, 'exit');
    terminal.stdin?.write('\u0003');
    expect((await ended)[0]).toBe(0);
  });
});
