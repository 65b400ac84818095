import { type Client, segment, withClient } from '../client/client.ts';
import { EXIT } from '../exit-status.ts';
import { type AuthorityOptions, importAuthorities } from '../foreign/import-authorities.ts';
import type { ForeignItem } from '../foreign/item.ts';
import { readCsv } from '../foreign/read-csv.ts';
import { readFolder } from '../foreign/read-folder.ts';
import { readIndex } from '../foreign/read-index.ts';
import { readVaultLines } from '../foreign/read-lines.ts';
import { type ImportCounts, type Remark, sendItems } from '../foreign/send-items.ts';
import type { Invocation } from '../invocation.ts';
import { LocalFailure } from '../local-failure.ts';
import { startProgress } from '../progress-bar.ts';
import { formatFields, printable } from '../table.ts';
import { takeFile, takenTable } from './backup-settle.ts';

interface ImportOptions extends AuthorityOptions {
  readonly certificates?: readonly string[];
  readonly openssl?: readonly string[];
  readonly csv?: readonly string[];
  readonly vault?: readonly string[];
  readonly crl?: readonly string[];
  readonly deviceIdPattern?: string;
  readonly profile?: string;
  readonly dryRun?: true;
}

async function* readSources({
  certificates = [],
  openssl = [],
  csv = [],
  vault = [],
}: ImportOptions): AsyncGenerator<ForeignItem> {
  for (const folder of certificates) yield* readFolder(folder);
  for (const folder of openssl) yield* readIndex(folder);
  for (const path of csv) yield* readCsv(path);
  for (const path of vault) yield* readVaultLines(path);
}

function readPattern(text: string | undefined): RegExp | null {
  if (text === undefined) return null;
  try {
    return new RegExp(text, 'u');
  } catch (cause) {
    throw new LocalFailure('usage', 'The pattern of device IDs is no regular expression.', { cause });
  }
}

const remarkLine = ({ origin, status, deviceId, code, says }: Remark): string =>
  printable(
    `${status === 'refused' ? `refused: ${code}` : 'note'}: ${origin}${deviceId === null ? '' : `, ${deviceId}`}: ${says}`,
  );

const countLines = (counts: ImportCounts, isDry: boolean): string =>
  formatFields([
    ['entries', counts.entries],
    [isDry ? 'would be imported' : 'imported', counts.imported],
    ['known', counts.known],
    [isDry ? 'would be revoked' : 'revoked by this', counts.revoked],
    ['refused', counts.refused],
    ["of the fleet's CAs", counts.authorities],
  ]);

async function takeLists({ output }: Invocation, client: Client, options: ImportOptions) {
  const taken = [];
  for (const path of options.crl ?? []) taken.push(...(await takeFile(client, path)));
  if (taken.length > 0 && !output.json) output.say(takenTable(taken).trimEnd());
  return taken;
}

/** `fleet import`. */
export async function importFleet(
  invocation: Invocation,
  fleet: string,
  options: ImportOptions,
): Promise<number | undefined> {
  const { output } = invocation;
  const pattern = readPattern(options.deviceIdPattern);
  if (options.dryRun && options.crl)
    throw new LocalFailure('usage', 'A CRL is taken in or not: leave --crl out of a dry run.');
  return withClient(invocation, async (client) => {
    const path = `/v1/fleets/${segment(fleet)}`;
    const authorities = await importAuthorities(invocation, client, path, options);
    const bar = startProgress(output, null, false);
    const remark = async (one: Remark): Promise<void> => {
      if (output.json) await output.data(`${JSON.stringify(one)}\n`);
      else output.say(remarkLine(one));
    };
    const query = { profile: options.profile, dryRun: options.dryRun && 'true' };
    const progress = ({ entries, refused }: ImportCounts): void => bar.show({ done: entries, refused });
    const sending = { client, path, query, authorities, pattern, remark, progress };
    const counts = await sendItems(readSources(options), sending).finally(() => bar.stop());
    const crls = await takeLists(invocation, client, options);
    const isDry = options.dryRun === true;
    const summary = { dryRun: isDry, ...counts };
    await output.data(output.json ? `${JSON.stringify({ summary, crls })}\n` : countLines(counts, isDry));
    return counts.refused > 0 ? EXIT.rowsRefused : EXIT.done;
  });
}
