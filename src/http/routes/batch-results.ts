import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { z } from 'zod';
import { deviceLayout, tarFolders, zipFolders } from '../../bundle/index.ts';
import { type BundleSource, bundleFolders, verifyFitsZip } from '../batch-bundles.ts';
import { listResults, negotiateResults } from '../batch-results.ts';
import { verifyLayoutPossible } from '../certificate-forms.ts';
import type { Call, GuardedRoute } from '../edge.ts';
import { getBatch } from '../get-batch.ts';
import { fitQuery, wholeNumber } from '../query.ts';

const resultsQuery = z.strictObject({
  after: wholeNumber(0).default(0),
  limit: wholeNumber(1).default(Number.MAX_SAFE_INTEGER),
  attempt: wholeNumber(1).optional(),
});

async function showResults(call: Call): Promise<void> {
  const { edge, req, res } = call;
  const wish = fitQuery(resultsQuery, req);
  const form = negotiateResults(req, res);
  const { batch } = await getBatch(call);
  res.set('Content-Type', form.contentType);
  const pages = listResults(edge.batches, batch, wish);
  await pipeline(Readable.from(form.encode(pages, wish.after), { highWaterMark: 1 }), res);
}

const layout = z.enum([deviceLayout.name]).default(deviceLayout.name);
const zipQuery = z.strictObject({ layout });
/** `?gzip` stands alone, as a switch. */
const tarQuery = z.strictObject({ layout, gzip: z.enum(['', 'true']).optional() });

async function openSource(call: Call): Promise<BundleSource> {
  const { batch, fleet } = await getBatch(call);
  verifyLayoutPossible(deviceLayout, fleet);
  const { ledger } = call.edge.ca;
  const generations = await ledger.listGenerations(fleet.id);
  return {
    store: call.edge.batches,
    ledger,
    batch,
    fleet,
    generations,
    layout: deviceLayout,
    now: call.act.at,
  };
}

/** A batch's id may hold a colon, which no file name should. */
const fileName = (id: string, ending: string): string =>
  `attachment; filename="${id.replaceAll(':', '_')}.${ending}"`;

async function sendTar(call: Call): Promise<void> {
  const { req, res } = call;
  const { gzip } = fitQuery(tarQuery, req);
  const source = await openSource(call);
  const isGzip = gzip !== undefined;
  res.set({
    'Content-Type': isGzip ? 'application/gzip' : 'application/x-tar',
    'Content-Disposition': fileName(source.batch.id, isGzip ? 'tar.gz' : 'tar'),
  });
  if (req.method === 'HEAD') return void res.end();
  const tar = tarFolders(bundleFolders(source));
  await (isGzip ? pipeline(tar, createGzip(), res) : pipeline(tar, res));
}

async function sendZip(call: Call): Promise<void> {
  const { req, res } = call;
  fitQuery(zipQuery, req);
  const source = await openSource(call);
  await verifyFitsZip(source.store, source.batch);
  res.set({
    'Content-Type': 'application/zip',
    'Content-Disposition': fileName(source.batch.id, 'zip'),
  });
  if (req.method === 'HEAD') return void res.end();
  await pipeline(zipFolders(bundleFolders(source)), res);
}

const common = { method: 'get', permission: 'batch:read', scope: 'record', what: 'batch' } as const;
const path = '/v1/batches/:id';

export const batchResultRoutes: readonly GuardedRoute[] = [
  { ...common, path: `${path}/results`, handle: showResults },
  { ...common, path: `${path}/bundles.tar`, handle: sendTar },
  { ...common, path: `${path}/bundles.zip`, handle: sendZip },
];
