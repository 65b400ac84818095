/** A BIGINT as text. Refuses what a number cannot hold exactly: nothing of ours grows so far. */
export function int8(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new Error(`the database holds the number ${text}, beyond 2^53`);
  return value;
}
