import type { Grant } from '../enrollment/index.ts';
import type { Keystore, Signer } from './keystore-ports.ts';
import {
  type Bench,
  type BenchTools,
  type FreshlySigned,
  finishSigning,
  type Prepared,
  prepareGrant,
  prepareRequest,
  setUpBench,
  wipeKeys,
} from './prepare.ts';
import { mintSerial } from './serial.ts';
import type { IssueContext, PreparedChunk, Steps } from './steps-ports.ts';

interface Tools extends BenchTools {
  readonly keystore: Keystore;
}

/** A key that is not there is refused here, before anything is recorded for it. */
async function chunkOf({ keystore }: Tools, bench: Bench, rows: readonly Prepared[]): Promise<PreparedChunk> {
  const open = (): Promise<Signer> => keystore.open(bench.context.issuer.keyId);
  if (rows.some(({ tbs }) => tbs !== null)) await open();
  return {
    rows,
    sign: async (wanted) => {
      const signer = await open();
      const fresh: FreshlySigned[] = [];
      for (const index of wanted) {
        const { tbs, pkcs8 = null } = rows[index] ?? {};
        const octets = tbs?.takeFor(bench.issuer.generationId);
        if (!octets) throw new Error('a row without a TBS was to be signed');
        fresh.push({ tbs: octets, signature: await signer.sign(octets), pkcs8 });
      }
      return finishSigning(bench, fresh).map((signed) => ({
        ...signed,
        // A copy: what was prepared is wiped when the chunk is let go of.
        privateKey: signed.privateKey && Uint8Array.from(signed.privateKey),
      }));
    },
    release: () => wipeKeys(rows),
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
  const bench = setUpBench(tools, context);
  const rows = grants.map((grant) => prepareGrant(bench, grant, mintSerial(tools.random), at));
  return chunkOf(tools, bench, rows);
}

/** The steps in the thread that asks: for tests, for tools, and for where there is one core. */
export const createInlineSteps = (tools: Tools): Steps => ({
  prepare: async ({ context, requests, at }) => {
    const bench = setUpBench(tools, context);
    const rows = requests.map((input) => prepareRequest(bench, input, mintSerial(tools.random), at));
    return chunkOf(tools, bench, rows);
  },
});
