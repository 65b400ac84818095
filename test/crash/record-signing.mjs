// Preloaded (--import): an outside observer of the keys. Every octet string that is about to be signed
// goes to the file CRASH_SIGNING_RECORD first, a line of hex each.
import crypto from 'node:crypto';
import { closeSync, openSync, writeSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const file = openSync(process.env.CRASH_SIGNING_RECORD, 'a');
process.on('exit', () => closeSync(file));
const { sign } = crypto;
crypto.sign = (algorithm, octets, ...rest) => {
  // A kill may tear a line where a page of the file ends: the next one must not stick to it.
  writeSync(file, `\n${Buffer.from(octets).toString('hex')}\n`);
  return sign(algorithm, octets, ...rest);
};
syncBuiltinESMExports();
