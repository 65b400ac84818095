import { PkiError } from '../../src/errors.ts';

/** The refusal that `act` ends with. Anything else that is thrown is a defect and fails the test. */
export function refusalOf(act: () => unknown): PkiError | undefined {
  try {
    act();
  } catch (error) {
    if (error instanceof PkiError) return error;
    throw error;
  }
  return undefined;
}

/** Its code; 'taken' where there was none. */
export const codeOf = (act: () => unknown): string => refusalOf(act)?.code ?? 'taken';

/** The refusal that a promise ends with; undefined where it resolves. */
export async function refusalOfPromise(promise: Promise<unknown>): Promise<PkiError | undefined> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof PkiError) return error;
    throw error;
  }
  return undefined;
}

export const codeOfPromise = async (promise: Promise<unknown>): Promise<string> =>
  (await refusalOfPromise(promise))?.code ?? 'taken';
