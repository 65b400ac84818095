import { z } from 'zod';
import { type CeremonyFiles, importCeremony } from '../../ceremony/index.ts';
import { authorityJson } from '../authority-json.ts';
import { readJson } from '../body.ts';
import type { Call, GuardedRoute } from '../edge.ts';
import { formatInstant } from '../instant.ts';
import { getFleet, nameSchema } from '../names.ts';
import { fitQuery, noQuery } from '../query.ts';
import { sendJson } from '../web.ts';

/** A ceremony has five files or fewer. */
const MOST_FILES = 16;

export const ceremonySchema = z.strictObject({
  authority: nameSchema.optional(),
  files: z
    .record(z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/), z.base64())
    .refine((files) => Object.keys(files).length <= MOST_FILES, `must be at most ${MOST_FILES}`),
});

const filesOf = (files: Readonly<Record<string, string>>): CeremonyFiles =>
  new Map(Object.entries(files).map(([name, content]) => [name, Buffer.from(content, 'base64')]));

async function postCeremony(call: Call): Promise<void> {
  fitQuery(noQuery, call.req);
  const { ca } = call.edge;
  const fleet = await getFleet(call);
  const { authority = null, files } = await readJson(call, ceremonySchema);
  const { ceremony, generation, crl, warnings } = await importCeremony(ca, call.act, fleet, {
    files: filesOf(files),
    authority,
  });
  // The CRL of what was certified is there when it is.
  await call.edge.lists.look(fleet);
  const { transcript, id } = ceremony;
  const all = await ca.ledger.listGenerations(fleet.id);
  sendJson(call.res, 201, {
    ceremony: {
      kind: transcript.ceremony,
      title: transcript.title,
      custodians: transcript.custodians,
      version: transcript.version,
      endedAt: formatInstant(new Date(transcript.endedAt)),
      transcript: id,
    },
    authority: authorityJson({ generation, warnings }, all),
    crl: crl && {
      number: crl.number,
      entries: crl.entries,
      thisUpdate: formatInstant(crl.thisUpdate),
      nextUpdate: formatInstant(crl.nextUpdate),
    },
  });
}

export const ceremonyRoutes: readonly GuardedRoute[] = [
  {
    method: 'post',
    path: '/v1/fleets/:fleet/ceremonies',
    scope: 'fleet',
    what: 'fleet',
    permission: 'authority:create',
    handle: postCeremony,
  },
];
