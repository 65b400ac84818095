import type { Delivery, Destination } from '../outgoing/index.ts';
import { formatInstant, formatInstantOrNull } from './instant.ts';

/** A delivery as it is shown: what it tells of, not what it says. */
export const deliveryJson = (
  { id, message, state, attempts, nextAttemptAt, lastError, createdAt, changedAt }: Delivery,
  { kind, name }: Pick<Destination, 'kind' | 'name'>,
) => ({
  id,
  to: { kind, name },
  deviceId: 'deviceId' in message ? message.deviceId : null,
  event: 'deviceId' in message ? null : message.eventType,
  state,
  attempts,
  nextAttemptAt: formatInstantOrNull(nextAttemptAt),
  lastError,
  createdAt: formatInstant(createdAt),
  changedAt: formatInstant(changedAt),
});
