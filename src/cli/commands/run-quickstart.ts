import { type ConfigInput, loadConfig } from '../../config/index.ts';
import type { Invocation } from '../invocation.ts';
import { quickstart } from '../quickstart/index.ts';
import { setupFailure } from '../setup-failure.ts';

type QuickstartOptions = NonNullable<ConfigInput['flags']> & { readonly once?: true; readonly out: string };

/** `quickstart`. */
export async function runQuickstart(
  { globals, output }: Invocation,
  { once, out, ...flags }: QuickstartOptions,
): Promise<number> {
  try {
    // Nobody registers with the demonstration.
    const config = loadConfig({ flags: { ...flags, mutualPort: 'off', data: globals.data } });
    return await quickstart(config, { once: once === true, out, json: output.json });
  } catch (failure) {
    throw setupFailure(failure);
  }
}
