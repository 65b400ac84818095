/** A text as one word of a shell. */
const word = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/**
 * The script that makes a PKCS#12 file of an envelope and the chain beside it, for whoever has the
 * recipient's key: POSIX sh and OpenSSL. The private key goes from one program to the other, and into no
 * file but the last.
 */
export const p12Script = (name: string, deviceId: string): string => `#!/bin/sh
# Makes ${name}.p12 of ${name}.key.cms, which the recipient's key opens, and ${name}.chain.pem.
#
#   ./${name}.make-p12.sh RECIPIENT-KEY [PASSPHRASE-FILE]
#
# Without a file the passphrase of the .p12 is empty, as the OTA tools have it.
set -eu
umask 077

fail() {
  echo "make-p12.sh: $1" >&2
  exit 1
}

[ $# -ge 1 ] || fail "name the recipient's private key"
name=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)/${name}
passphrase=pass:
[ $# -lt 2 ] || passphrase=file:$2

openssl cms -decrypt -inform PEM -in "$name.key.cms" -inkey "$1" |
  openssl pkey -inform DER |
  cat - "$name.chain.pem" |
  openssl pkcs12 -export -name ${word(deviceId)} -passout "$passphrase" -out "$name.p12.part" || {
  rm -f "$name.p12.part"
  fail 'the file cannot be made: is this the key of the recipient?'
}
mv "$name.p12.part" "$name.p12"
echo "$name.p12"
`;
