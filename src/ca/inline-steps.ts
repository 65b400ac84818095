import type { Grant } from '../enrollment/index.ts';
import type { Policy } from '../policy/index.ts';
import type { Random } from '../random.ts';
import type { IssueContext, Keystore, PreparedChunk, Signer, Steps } from './ports.ts';
import {
  type Bench,
  finishSigning,
  type Prepared,
  prepareGrant,
  prepareRequest,
  setUpBench,
} from './prepare.ts';
import { mintSerial } from './serial.ts';

interface Tools {
  readonly keystore: Keystore;
  readonly policy: Policy;
  readonly random: Random;
}

/** A key that is not there is refused here, before anything is recorded for it. */
async function chunkOf({ keystore }: Tools, bench: Bench, rows: readonly Prepared[]): Promise<PreparedChunk> {
  const open = (): Promise<Signer> => keystore.open(bench.context.issuer.keyId);
  if (rows.some(({ tbs }) => tbs !== null)) await open();
  return {
    rows,
    sign: async (wanted) => {
      const signer = await open();
      const signed = [];
      for (const index of wanted) {
        const octets = rows[index]?.tbs?.takeFor(bench.issuer.generationId);
        if (!octets) throw new Error('a row without a TBS was to be signed');
        signed.push(finishSigning(bench, octets, await signer.sign(octets)));
      }
      return signed;
    },
    release: () => undefined,
  };
}

/** Prepares what was granted, in this thread. */
export function prepareGrants(
  tools: Tools,
  {
    context,
    grants,
    at,
  }: { readonly context: IssueContext; readonly grants: readonly Grant[]; readonly at: Date },
): Promise<PreparedChunk> {
  const bench = setUpBench(tools.policy, context);
  const rows = grants.map((grant) => prepareGrant(bench, grant, mintSerial(tools.random), at));
  return chunkOf(tools, bench, rows);
}

/** The steps in the thread that asks: for tests, for tools, and for where there is one core. */
export const createInlineSteps = (tools: Tools): Steps => ({
  prepare: async ({ context, requests, at }) => {
    const bench = setUpBench(tools.policy, context);
    const rows = requests.map((input) => prepareRequest(bench, input, mintSerial(tools.random), at));
    return chunkOf(tools, bench, rows);
  },
});
