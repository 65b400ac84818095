import type { Gateway } from '../../gateway/index.ts';
import { formatTable } from '../table.ts';

/** Cursor home, and everything below it cleared. */
const FRESH_SCREEN = '\u001b[H\u001b[2J';
const FRAME_MS = 1_000;
/** Lines that headings and spaces take. */
const FRAME_LINES = 8;

const time = (instant: string): string => instant.slice(11, 19);
const cut = (text: string, width: number): string =>
  text.length > width ? `${text.slice(0, width - 1)}…` : text;

/** The devices and refusals that were seen last, for a screen of so many rows and columns. */
export function renderView(gateway: Gateway, title: string, rows: number, columns: number): string {
  const devices = gateway.roll.devices().toReversed();
  const refusals = gateway.roll.refusals().toReversed();
  const room = Math.max(2, rows - FRAME_LINES);
  const forRefusals = Math.min(refusals.length, Math.max(1, Math.floor(room / 3)));
  const online = devices.filter(({ state }) => state === 'online').length;
  const deviceRows = devices
    .slice(0, room - forRefusals)
    .map(({ deviceId, state, lastSeen, calls, notAfter, warnings }) => [
      cut(deviceId || '(no ID)', 40),
      state,
      time(lastSeen),
      calls,
      notAfter.slice(0, 10),
      cut(warnings.join('; '), Math.max(10, columns - 85)),
    ]);
  const refusalRows = refusals
    .slice(0, forRefusals)
    .map(({ deviceId, address, code, reason, count, lastSeen }) => [
      cut(deviceId || address, 40),
      time(lastSeen),
      count,
      code,
      cut(reason, Math.max(10, columns - 85)),
    ]);
  return [
    title,
    `${online} online, ${devices.length} devices in all, ${refusals.length} kinds of refusals`,
    '',
    formatTable(['DEVICE', 'STATE', 'SEEN', 'CALLS', 'UNTIL', 'WARNINGS'], deviceRows),
    formatTable(['REFUSED', 'SEEN', 'COUNT', 'CODE', 'WHY'], refusalRows),
  ].join('\n');
}

/** Draws the view on a terminal, at most once a second and where something happened. */
export function startLiveView(gateway: Gateway, title: string, terminal: NodeJS.WriteStream) {
  let isDue = true;
  const draw = (): void => {
    if (!isDue) return;
    isDue = false;
    terminal.write(FRESH_SCREEN + renderView(gateway, title, terminal.rows ?? 24, terminal.columns ?? 80));
  };
  const timer = setInterval(draw, FRAME_MS);
  draw();
  return {
    due: (): void => {
      isDue = true;
    },
    stop: (): void => clearInterval(timer),
  };
}
