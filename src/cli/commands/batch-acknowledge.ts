import { withClient } from '../client/client.ts';
import { callJson, postJson } from '../client/json.ts';
import type { Invocation } from '../invocation.ts';
import { show } from '../output.ts';
import { formatFields } from '../table.ts';
import { batchPath } from './batch-record.ts';

interface Acknowledged {
  readonly id: string;
  readonly acknowledged: number;
  readonly dropped: number;
}

/** `batch acknowledge`: the keys are where they belong, and their envelopes go. */
export async function acknowledgeBatch(
  invocation: Invocation,
  id: string,
  { through }: { readonly through: number },
): Promise<undefined> {
  // The same again changes nothing.
  const call = { ...postJson(`${batchPath(id)}/acknowledge`, { through }), isRepeatable: true } as const;
  const done = await withClient(invocation, (client) => callJson<Acknowledged>(client, call));
  await show(invocation.output, done, ({ acknowledged, dropped }) =>
    formatFields([
      ['batch', id],
      ['acknowledged', acknowledged],
      ['dropped', dropped],
    ]),
  );
}
