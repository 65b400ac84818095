import { type Client, withClient } from './client/client.ts';
import { readPages } from './client/json.ts';
import type { Invocation } from './invocation.ts';
import { type Columns, showList } from './list.ts';

/** The forms of a list that the service writes itself. */
export interface ListForms {
  readonly csv?: true;
  readonly ndjson?: true;
}

interface ListCall {
  readonly path: string;
  readonly query: Readonly<Record<string, string | number | undefined>>;
}

/** Passes the list on as the service writes it, all of it. Rejects with `cut-off` where it ends early. */
async function passList(
  { output }: Invocation,
  client: Client,
  { path, query }: ListCall,
  accept: string,
): Promise<void> {
  const answer = await client.send({ method: 'GET', path, query, headers: { Accept: accept } });
  for await (const piece of client.read(answer)) await output.data(piece);
}

/** A list: as CSV or NDJSON of the service, as JSON lines, or as a table. */
export async function streamList<T>(
  invocation: Invocation,
  call: ListCall,
  { csv, ndjson }: ListForms,
  columns: Columns<T>,
): Promise<void> {
  await withClient(invocation, (client) => {
    if (csv) return passList(invocation, client, call, 'text/csv');
    if (ndjson || invocation.output.json) return passList(invocation, client, call, 'application/x-ndjson');
    return showList(invocation.output, readPages<T>(client, call.path, undefined, call.query), columns);
  });
}
