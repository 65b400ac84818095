import { InvalidArgumentError } from 'commander';

/** Parses an option that is a whole number from `least` on. */
export const wholeNumber =
  (least: number) =>
  (text: string): number => {
    if (/^\d{1,15}$/.test(text) && Number(text) >= least) return Number(text);
    throw new InvalidArgumentError(`A whole number from ${least} on is due.`);
  };
