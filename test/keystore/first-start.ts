/** A first start of the keystore in a folder, as a process of its own: its umask is the caller's. */
import { join } from 'node:path';
import { openKeystore, prepareKeyFolder, readPassphrase, writeSecretFile } from '../../src/keystore/index.ts';
import { systemRandom as random } from '../../src/random.ts';

const [folder = ''] = process.argv.slice(2);
const holdsKeys = await prepareKeyFolder(folder);
const sources = { file: null, credentialsDirectory: null, value: () => null };
const { passphrase } = await readPassphrase({ folder, holdsKeys, sources, random });
await openKeystore({ folder, passphrase, random }).generate('fleet.root.0a', 'ec-p256');
await writeSecretFile(join(folder, 'admin-token'), 'canary');
