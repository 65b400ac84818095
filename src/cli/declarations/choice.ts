import { Option } from 'commander';

/** An option that takes one of some words; anything else is refused before a call is made. */
export const choice = (flags: string, meaning: string, words: readonly string[]): Option =>
  new Option(flags, meaning).choices(words);

/** One that must be given. */
export const requiredChoice = (flags: string, meaning: string, words: readonly string[]): Option =>
  choice(flags, meaning, words).makeOptionMandatory();
