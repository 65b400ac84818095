import type { ForeignCertificate } from '../x509/index.ts';
import { type Finding, fail, note, warn } from './finding.ts';
import { nameOf } from './judge-purposes.ts';

const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;
/** Time enough to reach every device before. */
export const SOON_DAYS = 30;
/** How far a clock may stand back that was never set right: what our own certificates are backdated by. */
const BACKDATED_HOURS = 24;
/** RFC 5280, 4.1.2.5: 99991231235959Z says that there is no end. */
const NO_END_YEAR = 9999;

export const day = (instant: Date): string => instant.toISOString().slice(0, 10);
export const minute = (instant: Date): string =>
  `${instant.toISOString().slice(0, 16).replace('T', ' ')} UTC`;

export const endsSoon = (notAfter: Date, now: Date): boolean =>
  notAfter.getTime() - now.getTime() < SOON_DAYS * DAY_MS;

function leafDates(leaf: ForeignCertificate, now: Date): readonly Finding[] {
  if (now > leaf.notAfter)
    return [
      fail('leaf-expired', null, `It expired on ${minute(leaf.notAfter)}; the device itself never looks.`),
    ];
  if (now < leaf.notBefore)
    return [fail('leaf-not-yet-valid', null, `It is not valid before ${minute(leaf.notBefore)}.`)];
  const fresh = now.getTime() - leaf.notBefore.getTime() < HOUR_MS;
  return [
    ...(endsSoon(leaf.notAfter, now)
      ? [warn('leaf-ends-soon', null, `It expires on ${day(leaf.notAfter)}.`)]
      : []),
    ...(fresh
      ? [
          note(
            'leaf-fresh',
            null,
            `It is valid from ${minute(leaf.notBefore)} on, less than an hour ago: a gateway whose clock stands behind refuses it. Ours begin ${BACKDATED_HOURS} hours back.`,
          ),
        ]
      : []),
    ...(leaf.notAfter.getUTCFullYear() === NO_END_YEAR
      ? [note('leaf-no-end', null, 'It has no end (99991231235959Z).')]
      : []),
  ];
}

function caDates(ca: ForeignCertificate, now: Date): readonly Finding[] {
  if (now > ca.notAfter)
    return [fail('ca-expired', null, `The CA ${nameOf(ca)} expired on ${minute(ca.notAfter)}.`)];
  if (now < ca.notBefore)
    return [
      fail('ca-not-yet-valid', null, `The CA ${nameOf(ca)} is not valid before ${minute(ca.notBefore)}.`),
    ];
  return [];
}

/** When the chain stops working, seen from the leaf. */
function outlived([leaf, ...cas]: readonly ForeignCertificate[]): readonly Finding[] {
  const first = cas.reduce<ForeignCertificate | undefined>(
    (soonest, ca) => (soonest === undefined || ca.notAfter < soonest.notAfter ? ca : soonest),
    undefined,
  );
  if (!leaf || !first || leaf.notAfter <= first.notAfter || leaf.notAfter.getUTCFullYear() === NO_END_YEAR)
    return [];
  return [
    warn(
      'leaf-outlives-issuer',
      null,
      `It ends on ${day(leaf.notAfter)}, but ${nameOf(first)} already on ${day(first.notAfter)}.`,
    ),
  ];
}

/** The dates along a path, at a moment. */
export function judgeDates(path: readonly ForeignCertificate[], now: Date): readonly Finding[] {
  const [leaf, ...cas] = path;
  if (leaf === undefined) return [];
  return [...leafDates(leaf, now), ...cas.flatMap((ca) => caDates(ca, now)), ...outlived(path)];
}
