/** Levenshtein's distance, row by row. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const changed = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, changed));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** The known name that is most like the one given; undefined when none is known. */
export function nearestName(given: string, known: readonly string[]): string | undefined {
  const wanted = given.toLowerCase();
  const ranked = known.map((name) => ({ name, away: distance(wanted, name.toLowerCase()) }));
  return ranked.reduce<{ name: string; away: number } | undefined>(
    (best, one) => (best && best.away <= one.away ? best : one),
    undefined,
  )?.name;
}
