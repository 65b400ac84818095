/** RFC 3339 in UTC; milliseconds only where there are some. */
export const formatInstant = (instant: Date): string => instant.toISOString().replace('.000Z', 'Z');

export const formatInstantOrNull = (instant: Date | null): string | null =>
  instant === null ? null : formatInstant(instant);
