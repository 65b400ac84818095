import {
  checkDirectory,
  fileInMemory,
  openListing,
  readContent,
  type ZipRules,
} from '../../archive/index.ts';

/** A bundle of one device is some files of some kilobytes; the service makes it. */
const RULES: ZipRules = {
  code: 'bad-request',
  maxEntries: 64,
  expansion: 100,
  expansionFreeOctets: 1024 * 1024,
  zip64: 'refused',
};

/** The texts of a device's bundle by their names, without its folder's. */
export async function readBundleZip(octets: Uint8Array): Promise<ReadonlyMap<string, string>> {
  const file = fileInMemory(octets);
  const source = { file, directory: await checkDirectory(file, RULES), code: RULES.code };
  const { entries } = await openListing(file, RULES);
  const texts = new Map<string, string>();
  for await (const entry of entries) {
    const [name = ''] = entry.fileNameRaw.toString('utf8').split('/').slice(-1);
    texts.set(name, Buffer.from(await readContent(source, entry)).toString('utf8'));
  }
  return texts;
}
