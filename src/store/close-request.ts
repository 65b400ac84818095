import { build } from './session.ts';

/** Of the key of a generation that was taken in: what was asked for it is no longer open. */
export const closeRequest = (keyDigest: Uint8Array, generationId: number) =>
  build
    .updateTable('authority_request')
    .set({ generation_id: generationId })
    .where('key_digest', '=', keyDigest)
    .where('generation_id', 'is', null);
