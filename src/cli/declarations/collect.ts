/** For an option that may stand several times: all that it was given. */
export const collect = (one: string, before: readonly string[] = []): readonly string[] => [...before, one];
