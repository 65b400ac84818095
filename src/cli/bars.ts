/** Eighths of a column, from the smallest: a bar shows differences that whole columns hide. */
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'] as const;

/** Text bars for numbers that are not negative: the largest fills the width, and one that is not 0 is seen. */
export function formatBars(numbers: readonly number[], width: number): readonly string[] {
  const most = Math.max(...numbers, 1);
  return numbers.map((number) => {
    const eighths = number === 0 ? 0 : Math.max(1, Math.round((number / most) * width * 8));
    return '█'.repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8] ?? '');
  });
}
