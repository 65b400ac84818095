import type { IntentVerdict } from '../ca/index.ts';

export const HOUR_MS = 3_600_000;

/** The quota of a token, or of registration credentials, and what is spent of it, as the row has it. */
export interface QuotaRow {
  readonly quota_total: number | null;
  readonly quota_per_hour: number | null;
  readonly spent: number;
  readonly hour_began: number | null;
  readonly spent_in_hour: number;
}

export const QUOTA_COLUMNS = 'quota_total, quota_per_hour, spent, hour_began, spent_in_hour';

/** Registration credentials, as far as they are spent: every device counts, and no hour does. */
export interface RegistrationQuotaRow {
  readonly max_devices: number;
  readonly spent: number;
  readonly not_after: number;
  readonly revoked_at: number | null;
}

export const REGISTRATION_QUOTA_COLUMNS = 'max_devices, spent, not_after, revoked_at';

/** What whoever acts may still spend in a chunk. */
export interface Allowance {
  /** Spends a unit; or says that none is left. */
  take(): IntentVerdict | undefined;
  /** The hour, and what is spent in it and in total after the chunk. */
  after(): { readonly spent: number; readonly hourBegan: number; readonly spentInHour: number };
}

const quotaExceeded = (message: string, retryAfterSeconds: number): IntentVerdict => ({
  verdict: 'refused',
  code: 'quota-exceeded',
  message,
  facts: { retryAfterSeconds },
});

/** Nobody gets another token sooner; there is no time after which it comes by itself. */
const TOTAL_RETRY_SECONDS = 86_400;

/** The hour of the clock (UTC) that units are spent in: that of the time, but never one before the last. */
const hourOf = (at: Date, began: number | null): number =>
  Math.max(Math.floor(at.getTime() / HOUR_MS) * HOUR_MS, began ?? 0);

/** Counts units as rows of a chunk take them. What is taken comes to be spent with the chunk's transaction. */
export function openAllowance(row: QuotaRow, at: Date, asker = 'The token was'): Allowance {
  const { quota_total: total, quota_per_hour: perHour } = row;
  const hourBegan = hourOf(at, row.hour_began);
  let spent = row.spent;
  let spentInHour = row.hour_began === hourBegan ? row.spent_in_hour : 0;
  return {
    take: () => {
      if (total !== null && spent >= total) {
        return quotaExceeded(
          `${asker} good for ${total} certificates, and that many were made.`,
          TOTAL_RETRY_SECONDS,
        );
      }
      if (perHour !== null && spentInHour >= perHour) {
        const seconds = Math.max(1, Math.ceil((hourBegan + HOUR_MS - at.getTime()) / 1000));
        return quotaExceeded(`The token is good for ${perHour} certificates an hour, and has them.`, seconds);
      }
      spent++;
      spentInHour++;
      return undefined;
    },
    after: () => ({ spent, hourBegan, spentInHour }),
  };
}

/** Where nothing is to be had any more: not by a race either. */
const closedAllowance = (message: string): Allowance => ({
  take: () => ({ verdict: 'refused', code: 'unauthenticated', message, facts: {} }),
  after: () => {
    throw new Error('something was taken where nothing is to be had');
  },
});

/** The same for registration credentials, which may have been revoked since the peer was let in. */
export function openRegistrationAllowance(row: RegistrationQuotaRow | undefined, at: Date): Allowance {
  if (!row || row.revoked_at !== null) return closedAllowance('The registration credentials were revoked.');
  if (row.not_after <= at.getTime()) return closedAllowance('The registration credentials have ended.');
  const quota = { quota_total: row.max_devices, quota_per_hour: null, spent: row.spent };
  return openAllowance(
    { ...quota, hour_began: null, spent_in_hour: 0 },
    at,
    'The registration credentials were',
  );
}

/** `giveBackSql` for registration credentials; the count stands once, then the chunk. */
export const giveBackRegistrationSql = (count: string, chunk: string): string =>
  `UPDATE registration_credential SET spent = spent - ${count}
    FROM intent_chunk k WHERE k.id = ${chunk} AND k.kind = 'device' AND registration_credential.id = k.actor_id`;

/**
 * Gives units of a chunk back to the token that asked; to the hour's, where it is still the last. `count`
 * and `chunk` are the engine's own signs for them; the count stands twice, then the chunk.
 */
export const giveBackSql = (count: string, chunk: string): string =>
  `UPDATE token SET spent = spent - ${count},
    spent_in_hour = spent_in_hour - CASE WHEN hour_began = k.created_at - k.created_at % ${HOUR_MS} THEN ${count} ELSE 0 END
    FROM intent_chunk k WHERE k.id = ${chunk} AND k.kind = 'device' AND token.id = k.actor_id
    AND (quota_total IS NOT NULL OR quota_per_hour IS NOT NULL)`;

/** How many of each; `chunkIds` names one chunk for each intent. */
export function countChunks(chunkIds: readonly number[]): ReadonlyMap<number, number> {
  const counts = new Map<number, number>();
  for (const id of chunkIds) counts.set(id, (counts.get(id) ?? 0) + 1);
  return counts;
}
