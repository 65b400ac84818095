import type { GatewayConfigWish, PublishedAt } from './config-wish.ts';
import { CRL_FILE, SERVICE_CA_FILE, TRUST_FILE } from './trust-file-set.ts';

/** What differs from gateway to gateway. */
export interface HookWish {
  readonly program: string;
  /** Fails where the configuration does not hold. */
  readonly check: string;
  readonly reload: string;
  /** The file that names the CRLs, and its only line with and without them. */
  readonly include: { readonly file: string; readonly withCrls: string; readonly without: string };
}

const fetching = ({ url, file, ca }: PublishedAt): string => `
# Gives the HTTP status; the file is whole where that is 200.
fetch() {
  curl -sS --max-time 60${ca === null ? '' : ` --cacert ${SERVICE_CA_FILE}`} -o ".reload/$2" -w '%{http_code}' "$from/$1"
}
from='${url}'

status=$(fetch ${file} ${TRUST_FILE}) || fail 'what the fleet publishes could not be fetched'
[ "$status" = 200 ] || fail "${file}: the service answered $status"
grep -q 'BEGIN CERTIFICATE' .reload/${TRUST_FILE} || fail '${file} holds no certificate'

status=$(fetch ${CRL_FILE} ${CRL_FILE}) || fail 'the CRLs could not be fetched'
case "$status" in
  200) grep -q 'BEGIN X509 CRL' .reload/${CRL_FILE} || fail '${CRL_FILE} holds no CRL' ;;
  409)
    # Where a CA of the fleet may sign none there are none: with some of them the gateway would refuse everybody.
    rm -f .reload/${CRL_FILE}
    [ ! -e ${CRL_FILE} ] || fail 'the fleet publishes no CRLs any more; remove ${CRL_FILE} if that is meant'
    ;;
  *) fail "${CRL_FILE}: the service answered $status" ;;
esac
`;

const local = `
# Put a new ${TRUST_FILE} or ${CRL_FILE} into new/, and run this.
for file in ${TRUST_FILE} ${CRL_FILE}; do
  if [ -e "new/$file" ]; then cp "new/$file" ".reload/$file"
  elif [ -e "$file" ]; then cp "$file" ".reload/$file"; fi
done
`;

/**
 * The hook that keeps a gateway current: for /bin/sh, with curl where it fetches. It changes all or nothing:
 * where the gateway does not take the new files, the old ones come back.
 */
export function reloadHook({ at, published }: GatewayConfigWish, wish: HookWish): string {
  const { program, check, reload, include } = wish;
  return `#!/bin/sh
# Has ${program} read what devices are judged by, where that has changed. Run it by cron or a timer, at least every
# third of the time that a CRL lives: ${program} reads CRLs at a reload and never else, and one that has expired
# refuses the whole fleet. Exit status 0: done, or nothing new; 1: nothing was changed, and why.
set -eu
umask 022
check=\${FLEETCA_CHECK:-'${check}'}
reload=\${FLEETCA_RELOAD:-'${reload}'}

fail() {
  echo "reload.sh: $1" >&2
  exit 1
}

cd ${at}
# A run that was killed leaves its folder behind; none takes ten minutes.
find . -maxdepth 1 -name .reload -mmin +10 -exec rm -rf {} +
mkdir .reload 2> /dev/null || fail 'another run is under way'
trap 'rm -rf .reload' EXIT
trap 'exit 1' HUP INT TERM
${published === null ? local : fetching(published)}
if [ -e .reload/${CRL_FILE} ]; then
  echo '${include.withCrls}' > .reload/${include.file}
else
  echo '${include.without}' > .reload/${include.file}
fi

# What the gateway was not told of is due, though the files are there: a run was cut off, or the reload failed.
changed=no
[ ! -e .due ] || changed=yes
for file in ${TRUST_FILE} ${CRL_FILE} ${include.file}; do
  [ ! -e ".reload/$file" ] || cmp -s "$file" ".reload/$file" || changed=yes
done
[ "$changed" = yes ] || exit 0

for file in ${TRUST_FILE} ${CRL_FILE} ${include.file}; do
  [ ! -e "$file" ] || cp -p "$file" ".reload/$file.old"
done
: > .due
for file in ${TRUST_FILE} ${CRL_FILE} ${include.file}; do
  [ ! -e ".reload/$file" ] || mv -f ".reload/$file" "$file"
done
if ! $check; then
  for file in ${TRUST_FILE} ${CRL_FILE} ${include.file}; do
    if [ -e ".reload/$file.old" ]; then mv -f ".reload/$file.old" "$file"; else rm -f "$file"; fi
  done
  rm -f .due
  fail '${program} does not take the new files; the old ones are back'
fi
$reload || fail '${program} could not be reloaded; the next run tries again'
rm -f .due
`;
}
