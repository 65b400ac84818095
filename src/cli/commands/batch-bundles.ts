import { withClient } from '../client/client.ts';
import { callJson } from '../client/json.ts';
import { EXIT } from '../exit-status.ts';
import { saveFile } from '../files.ts';
import type { Invocation } from '../invocation.ts';
import { bundlesFor } from '../lot-type.ts';
import { show } from '../output.ts';
import { batchPath } from './batch-record.ts';

interface Said {
  readonly message: string;
  readonly devices: number;
  readonly example: string;
}

interface LotCheck {
  readonly devices: number;
  readonly leftOut: number;
  readonly reasons: readonly Said[];
  readonly warnings: readonly Said[];
}

const line =
  (word: string) =>
  ({ message, devices, example }: Said): string =>
    `${word}: ${devices === 1 ? example : `${devices} devices (${example}, …)`}: ${message}`;

/**
 * `batch bundles`: the credentials of all devices of a lot, in the form that the file's name says. What
 * there is to be said of them is said before; exit status 1 where some are left out.
 */
export async function fetchBundles(
  invocation: Invocation,
  id: string,
  { out, layout }: { readonly out: string; readonly layout: string },
): Promise<number> {
  const { output } = invocation;
  const { name, query: form } = bundlesFor(out);
  const path = `${batchPath(id)}/${name}`;
  const check = await withClient(invocation, async (client) => {
    const query = { layout };
    const said = await callJson<LotCheck>(client, {
      method: 'GET',
      path: `${batchPath(id)}/bundles/check`,
      query,
    });
    if (!output.json) {
      for (const one of said.reasons) output.say(line('left out')(one));
      for (const one of said.warnings) output.say(line('warning')(one));
    }
    await saveFile(
      out,
      0o600,
      client.read(await client.send({ method: 'GET', path, query: { ...query, ...form } })),
    );
    return said;
  });
  await show(output, { batch: id, out, ...check }, () => '');
  if (!output.json) output.say(`The bundles of ${id}: ${out}`);
  return check.leftOut > 0 ? EXIT.rowsRefused : EXIT.done;
}
