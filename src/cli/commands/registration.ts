import { type FileHandle, open, rm } from 'node:fs/promises';
import { segment, withClient } from '../client/client.ts';
import { callJson, postJson, readPages } from '../client/json.ts';
import type { Invocation } from '../invocation.ts';
import { showList } from '../list.ts';
import { fileFailure } from '../local-failure.ts';
import { show } from '../output.ts';

interface Credentials {
  readonly id: string;
  readonly name: string;
  readonly maxDevices: number;
  readonly registered: number;
  readonly notAfter: string;
  readonly revokedAt: string | null;
}

interface InFleet {
  readonly fleet: string;
}

interface NewCredentials extends InFleet {
  readonly name: string;
  readonly maxDevices: number;
  readonly days?: number;
  readonly authority?: string;
  readonly profile?: string;
  readonly out: string;
}

const pathOf = ({ fleet }: InFleet): string => `/v1/fleets/${segment(fleet)}/registration-credentials`;

/** A new file, 0600 from the start, opened before anything is made: what cannot be kept is not made. */
async function openNew(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'wx', 0o600);
  } catch (failure) {
    throw fileFailure(path, failure);
  }
}

/** Makes the credentials and puts them into a file. Gives their id. */
async function fetchInto(
  invocation: Invocation,
  { fleet, out, days, ...fields }: NewCredentials,
): Promise<string> {
  const handle = await openNew(out);
  try {
    return await withClient(invocation, async (client) => {
      const answer = await client.send(postJson(pathOf({ fleet }), { ...fields, validityDays: days }));
      for await (const piece of client.read(answer)) await handle.appendFile(piece);
      await handle.sync();
      return answer.headers.location?.split('/').at(-1) ?? '';
    });
  } catch (failure) {
    await rm(out, { force: true });
    throw failure;
  } finally {
    await handle.close();
  }
}

/** `registration create`. */
export async function createRegistration(invocation: Invocation, wish: NewCredentials): Promise<undefined> {
  const { output } = invocation;
  const { fleet, name, maxDevices, out } = wish;
  const id = await fetchInto(invocation, wish);
  await show(output, { id, fleet, name, maxDevices, out }, () => '');
  if (output.json) return;
  output.say(`Registration credentials ${id} of fleet ${fleet}, good for ${maxDevices} devices: ${out}`);
  output.say('It has no passphrase: whoever has the file can register devices.');
}

const stateOf = ({ notAfter, revokedAt, registered, maxDevices }: Credentials, now: Date): string => {
  if (revokedAt !== null) return 'revoked';
  if (new Date(notAfter) <= now) return 'expired';
  return registered < maxDevices ? 'valid' : 'spent';
};

/** `registration list`. */
export async function listRegistrations(invocation: Invocation, fleet: InFleet): Promise<undefined> {
  const now = new Date();
  await withClient(invocation, (client) =>
    showList(invocation.output, readPages<Credentials>(client, pathOf(fleet)), {
      headings: ['ID', 'STATE', 'EXPIRES', 'REGISTERED', 'NAME'],
      cells: (one) => [
        one.id,
        stateOf(one, now),
        one.notAfter,
        `${one.registered}/${one.maxDevices}`,
        one.name,
      ],
    }),
  );
}

/** `registration revoke`. */
export async function revokeRegistration(
  invocation: Invocation,
  id: string,
  { fleet, reason }: InFleet & { readonly reason: string },
): Promise<undefined> {
  const { output } = invocation;
  const path = `${pathOf({ fleet })}/${segment(id)}/revoke`;
  // The same call again changes nothing.
  const call = { ...postJson(path, { reason }), isRepeatable: true } as const;
  const revoked = await withClient(invocation, (client) => callJson<Credentials>(client, call));
  await show(output, revoked, () => '');
  if (!output.json) output.say(`Nobody registers with ${id} from now on.`);
}
