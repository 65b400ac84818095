export interface LoaderTerms {
  /** Path of the PKCS#11 module on the device; holds nothing that a shell takes for more than a name. */
  readonly module: string;
  /** Hex. */
  readonly certificateId: string;
  readonly keyId: string;
  /** SHA-256 of the SubjectPublicKeyInfo, hex. */
  readonly publicKeyDigest: string;
}

/**
 * The script that writes `client.der`, beside it, into a token: POSIX sh, `pkcs11-tool` (OpenSC) and what
 * BusyBox has. It compares the key in the token with the certificate's first, reads back what it wrote, and
 * fails unless all of it holds. The PIN goes through the environment, never through a command line.
 */
export const loaderScript = ({ module, certificateId, keyId, publicKeyDigest }: LoaderTerms): string =>
  `#!/bin/sh
# Writes client.der into a PKCS#11 token at id ${certificateId}, where the fragment beside it has it.
# The private key is there already, at id ${keyId}: it was made in the token, and is in no file.
#
#   ./load-token.sh --pin-file FILE [--module FILE] [--token-label LABEL]
#
# The first line of the file is the PIN; without it pkcs11-tool asks.
set -eu
umask 077

fail() {
  echo "load-token.sh: $1" >&2
  exit 1
}

folder=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
module='${module}'
token=
pin_file=
while [ $# -gt 0 ]; do
  [ $# -ge 2 ] || fail "$1 needs a value"
  case $1 in
    --pin-file) pin_file=$2 ;;
    --module) module=$2 ;;
    --token-label) token=$2 ;;
    *) fail "there is no option $1" ;;
  esac
  shift 2
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

tool() {
  set -- --module "$module" --login "$@"
  [ -z "$token" ] || set -- --token-label "$token" "$@"
  if [ -n "$pin_file" ]; then
    FLEETCA_PIN=$pin pkcs11-tool --pin env:FLEETCA_PIN "$@"
  else
    pkcs11-tool "$@"
  fi
}

if [ -n "$pin_file" ]; then
  pin=
  # The last line of a file may lack its end.
  IFS= read -r pin < "$pin_file" || [ -n "$pin" ] || fail "$pin_file has no PIN in its first line"
fi

# 1. The key that the certificate is for must be the one in the token.
tool --read-object --type pubkey --id ${keyId} --output-file "$work/key.der" > "$work/log" 2>&1 || {
  cat "$work/log" >&2
  fail 'no public key can be read at id ${keyId}'
}
digest=$(sha256sum < "$work/key.der")
[ "\${digest%% *}" = '${publicKeyDigest}' ] ||
  fail 'the key in the token at id ${keyId} is not the key of this certificate'

# 2. One certificate at the id: what stood there before goes.
while tool --read-object --type cert --id ${certificateId} --output-file "$work/old.der" > /dev/null 2>&1; do
  tool --delete-object --type cert --id ${certificateId} > "$work/log" 2>&1 || {
    cat "$work/log" >&2
    fail 'the old certificate at id ${certificateId} cannot be deleted'
  }
done
tool --write-object "$folder/client.der" --type cert --id ${certificateId} --label devicecert > "$work/log" 2>&1 || {
  cat "$work/log" >&2
  fail 'the certificate cannot be written'
}

# 3. What is there now is what was to be there.
tool --read-object --type cert --id ${certificateId} --output-file "$work/new.der" > "$work/log" 2>&1 &&
  cmp -s "$work/new.der" "$folder/client.der" || {
  cat "$work/log" >&2
  fail 'the token does not give back the certificate that was written'
}
echo 'The certificate is in the token at id ${certificateId}, beside its key at id ${keyId}.'
`;
