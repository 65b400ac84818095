// Fails where package-lock.json names a package that it does not describe: `npm ci` would refuse such a
// lock on another platform, while `npm install` hides it.
import { readFileSync } from 'node:fs';

const { packages } = JSON.parse(readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8'));

/** Looks for `name` where Node would: beside the package, then in each folder above it. */
function isDescribed(from, name) {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('node_modules/') - 1))) {
    if (packages[`${folder ? `${folder}/` : ''}node_modules/${name}`]) return true;
    if (!folder) return false;
  }
}

const holes = Object.entries(packages).flatMap(([path, entry]) => [
  ...Object.keys({ ...entry.dependencies, ...entry.optionalDependencies })
    .filter((name) => !isDescribed(path, name))
    .map((name) => `${path || '.'} needs ${name}, which the lock does not describe`),
  ...(path && !entry.link && !entry.version ? [`${path} has no version`] : []),
]);

for (const hole of holes) console.error(hole);
process.exitCode = holes.length > 0 ? 1 : 0;
