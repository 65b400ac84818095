import { expect, it } from 'vitest';
import { LocalFailure } from '../../src/cli/local-failure.ts';
import { bundlesFor, lotTypeOf } from '../../src/cli/lot-type.ts';

it.each([
  ['lot.ndjson', 'application/x-ndjson', undefined],
  ['-', 'application/x-ndjson', undefined],
  ['lot.JSONL.gz', 'application/x-ndjson', 'gzip'],
  ['lot.csv', 'text/csv', undefined],
  ['lot.csv.gz', 'text/csv', 'gzip'],
  ['lot.tar', 'application/x-tar', undefined],
  ['lot.tar.gz', 'application/gzip', undefined],
  ['LOT.TGZ', 'application/gzip', undefined],
  ['lot.zip', 'application/zip', undefined],
])('%s is sent as %s', (file, contentType, encoding) => {
  expect(lotTypeOf(file)).toEqual({ contentType, ...(encoding === undefined ? {} : { encoding }) });
});

it('the form of bundles is that of the file’s name', () => {
  expect(['a.tar', 'a.tar.gz', 'a.tgz', 'a.zip'].map(bundlesFor)).toEqual([
    { name: 'bundles.tar' },
    { name: 'bundles.tar', query: { gzip: 'true' } },
    { name: 'bundles.tar', query: { gzip: 'true' } },
    { name: 'bundles.zip' },
  ]);
  expect(() => bundlesFor('a.rar')).toThrow(LocalFailure);
});
