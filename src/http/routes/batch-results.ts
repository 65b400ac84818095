import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { z } from 'zod';
import {
  checkNeeds,
  type Finding,
  type LayoutName,
  tarFolders,
  verifyFindings,
  zipFolders,
} from '../../bundle/index.ts';
import { type BundleSource, bundleFolders, checkLot, verifyFitsZip } from '../batch-bundles.ts';
import { listResults, negotiateResults } from '../batch-results.ts';
import { layoutNamed, layoutSchema } from '../bundles.ts';
import type { Call, GuardedRoute } from '../edge.ts';
import { getBatch } from '../get-batch.ts';
import { fitQuery, wholeNumber } from '../query.ts';
import { sendJson } from '../web.ts';

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

const layout = layoutSchema.default('device');
const zipQuery = z.strictObject({ layout });
/** `?gzip` stands alone, as a switch. */
const tarQuery = z.strictObject({ layout, gzip: z.enum(['', 'true']).optional() });

/** Refuses `bundle-unfit` where the fleet lacks what every bundle of the layout needs. */
async function openSource(call: Call, name: LayoutName): Promise<BundleSource> {
  const { batch, fleet } = await getBatch(call);
  const layout = layoutNamed(name);
  verifyFindings(checkNeeds(layout, fleet));
  const { ledger } = call.edge.ca;
  const generations = await ledger.listGenerations(fleet.id);
  return { store: call.edge.batches, ledger, batch, fleet, generations, layout, now: call.act.at };
}

/** The same, of which the first is there already: what is refused before it is refused before an answer begins. */
async function begin<T>(items: AsyncGenerator<T>): Promise<AsyncGenerator<T>> {
  const first = await items.next();
  async function* all(): AsyncGenerator<T> {
    if (!first.done) yield first.value;
    yield* items;
  }
  return all();
}

/** A batch's id may hold a colon, which no file name should. */
const fileName = (id: string, ending: string): string =>
  `attachment; filename="${id.replaceAll(':', '_')}.${ending}"`;

async function sendTar(call: Call): Promise<void> {
  const { req, res } = call;
  const { gzip, layout: name } = fitQuery(tarQuery, req);
  const source = await openSource(call, name);
  const folders = await begin(bundleFolders(source));
  const isGzip = gzip !== undefined;
  res.set({
    'Content-Type': isGzip ? 'application/gzip' : 'application/x-tar',
    'Content-Disposition': fileName(source.batch.id, isGzip ? 'tar.gz' : 'tar'),
  });
  if (req.method === 'HEAD') return void res.end();
  const tar = tarFolders(folders);
  await (isGzip ? pipeline(tar, createGzip(), res) : pipeline(tar, res));
}

async function sendZip(call: Call): Promise<void> {
  const { req, res } = call;
  const { layout: name } = fitQuery(zipQuery, req);
  const source = await openSource(call, name);
  await verifyFitsZip(source.store, source.batch);
  const folders = await begin(bundleFolders(source));
  res.set({
    'Content-Type': 'application/zip',
    'Content-Disposition': fileName(source.batch.id, 'zip'),
  });
  if (req.method === 'HEAD') return void res.end();
  await pipeline(zipFolders(folders), res);
}

/** What there is to be said of the lot's bundles: nothing is made. */
async function checkBundles(call: Call): Promise<void> {
  const { layout: name } = fitQuery(zipQuery, call.req);
  const source = await openSource(call, name);
  const tally = await checkLot(source);
  const of = (verdict: Finding['verdict']) =>
    tally
      .list()
      .filter((one) => one.verdict === verdict)
      .map(({ message, devices, example }) => ({ message, devices, example }));
  sendJson(call.res, 200, {
    batch: source.batch.id,
    layout: name,
    devices: tally.devices,
    leftOut: tally.leftOut,
    reasons: of('refuse'),
    warnings: of('warn'),
  });
}

const common = { method: 'get', permission: 'batch:read', scope: 'record', what: 'batch' } as const;
const path = '/v1/batches/:id';

export const batchResultRoutes: readonly GuardedRoute[] = [
  { ...common, path: `${path}/results`, handle: showResults },
  { ...common, path: `${path}/bundles.tar`, handle: sendTar },
  { ...common, path: `${path}/bundles.zip`, handle: sendZip },
  { ...common, path: `${path}/bundles/check`, handle: checkBundles },
];
