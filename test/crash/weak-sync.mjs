// Preloaded (--import): the database is not synced at every commit, as better-sqlite3 would have it by
// itself. What the durability test finds then shows that it can find anything.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const name = Number(process.versions.napi) >= 10 ? 'better-sqlite3-napi' : 'better-sqlite3';
const { prototype } = require(name);
const { pragma } = prototype;
prototype.pragma = function (text, ...rest) {
  return pragma.call(this, text.replace('synchronous = FULL', 'synchronous = NORMAL'), ...rest);
};
