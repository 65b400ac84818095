import { type GatewayEvent, trustWarnings } from '../../gateway/index.ts';
import { printable } from '../table.ts';

/** An event as a line of JSON has it. */
export function eventJson(event: GatewayEvent, at: Date): Readonly<Record<string, unknown>> {
  const head = { at: at.toISOString(), kind: event.kind };
  if (event.kind !== 'trust-changed') return { ...head, ...event };
  const { digest, certificates, crls } = event.trust;
  const trust = { digest, certificates: certificates.length, crls: crls.length };
  return { ...head, trust: { ...trust, warnings: trustWarnings(event.trust, at) } };
}

/** The first of a kind, then each that doubles their number: a client that tries for ever is no flood. */
const isWorthALine = (count: number): boolean => (count & (count - 1)) === 0;

/** What an event says to a person; nothing for those that come with every call. */
export function eventLines(event: GatewayEvent, at: Date): readonly string[] {
  const line = (word: string, text: string): string =>
    `${at.toISOString().slice(11, 19)}  ${word.padEnd(8)}${printable(text)}`;
  switch (event.kind) {
    case 'admitted': {
      const { device, before, protocol } = event;
      if (before === 'online') return [];
      const name = device.deviceId || '(no ID)';
      return [
        line('online', `${name}  ${protocol}, certificate ${device.serial} until ${device.notAfter}`),
        ...device.warnings.map((warning) => line('warning', `${name}: ${warning}`)),
      ];
    }
    case 'refused': {
      const { deviceId, address, reason, code, count } = event.refusal;
      const often = count === 1 ? '' : `, ${count} times`;
      const who = deviceId || address;
      return isWorthALine(count) ? [line('refused', `${who}: ${reason} [${code}]${often}`)] : [];
    }
    case 'trust-changed': {
      const { certificates, crls } = event.trust;
      return [
        line('trust', `now ${certificates.length} certificates and ${crls.length} CRLs`),
        ...trustWarnings(event.trust, at).map((warning) => line('warning', warning)),
      ];
    }
    case 'called':
      return [];
  }
}
