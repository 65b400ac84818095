import type { CertificateEntry } from '../certificate.ts';
import { segment } from '../client/client.ts';
import type { Invocation } from '../invocation.ts';
import { parseLabels } from '../labels.ts';
import { LocalFailure } from '../local-failure.ts';
import { type ListForms, streamList } from '../stream-list.ts';

interface CertificateFilters extends ListForms {
  readonly fleet: string;
  readonly deviceId?: string;
  readonly serial?: string;
  readonly key?: string;
  readonly batch?: string;
  readonly station?: string;
  readonly label?: string;
  readonly status?: string;
  readonly expiringBefore?: string;
}

function labelQuery(label: string | undefined): string | undefined {
  if (label === undefined) return undefined;
  const [[name, value] = []] = Object.entries(parseLabels([label]));
  if (!value) throw new LocalFailure('usage', 'A label is given as key=value.');
  return `${name}:${value}`;
}

/** `certificate list`. */
export async function listCertificates(
  invocation: Invocation,
  { fleet, key, label, csv, ndjson, ...filters }: CertificateFilters,
): Promise<undefined> {
  const path = `/v1/fleets/${segment(fleet)}/certificates`;
  const query = { ...filters, keyDigest: key, label: labelQuery(label) };
  const forms = { ...(csv ? { csv } : {}), ...(ndjson ? { ndjson } : {}) };
  await streamList<CertificateEntry>(invocation, { path, query }, forms, {
    headings: ['DEVICE', 'STATUS', 'SERIAL', 'PROFILE', 'ISSUER', 'NOT AFTER'],
    cells: ({ deviceId, status, serial, profile, authority, notAfter }) => [
      deviceId,
      status,
      serial,
      profile,
      authority.name,
      notAfter,
    ],
  });
}
