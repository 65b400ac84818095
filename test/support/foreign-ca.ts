import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { opensslFolder } from './openssl.ts';

type OpenSsl = ReturnType<typeof opensslFolder>;

const CONFIG = (folder: string): string => `[ca]
default_ca = this
[this]
dir = ${folder}
database = $dir/index.txt
new_certs_dir = $dir/newcerts
serial = $dir/serial
crlnumber = $dir/crlnumber
certificate = $dir/ca.pem
private_key = $dir/ca.key
default_md = sha256
default_days = 3650
default_crl_days = 30
policy = any
unique_subject = no
copy_extensions = none
x509_extensions = leaf
[any]
commonName = supplied
[req]
prompt = no
distinguished_name = dn
[dn]
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always
[leaf]
basicConstraints = CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
`;

/** A CA as people run it with `openssl ca`: its folder has index.txt, newcerts, serial and crlnumber. */
export interface ForeignCa {
  readonly folder: string;
  /** A CA under it. */
  under(folder: string, name: string): ForeignCa;
  /** Makes a key and its certificate: `<file>.key`, `<file>.pem`. More arguments go to `openssl ca`. */
  issue(deviceId: string, file: string, ...more: readonly string[]): void;
  /** By the file of `issue`. */
  revoke(file: string, reason: string): void;
  /** Its CRL, in `crl.pem` of its folder. */
  crl(): string;
}

function makeFolder(openssl: OpenSsl, folder: string): void {
  mkdirSync(join(openssl.folder, folder, 'newcerts'), { recursive: true });
  openssl.write(`${folder}/index.txt`, '');
  openssl.write(`${folder}/serial`, '1000\n');
  openssl.write(`${folder}/crlnumber`, '0A\n');
  openssl.write(`${folder}/ca.cnf`, CONFIG(folder));
}

const newKey = (openssl: OpenSsl, file: string): void => {
  openssl.run('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', file);
};

function operate(openssl: OpenSsl, folder: string): ForeignCa {
  const ca = (...args: readonly string[]): string =>
    openssl.run('ca', '-batch', '-config', `${folder}/ca.cnf`, ...args);
  const request = (name: string, key: string, out: string): void => {
    const subject = ['-config', `${folder}/ca.cnf`, '-subj', `/CN=${name}`];
    openssl.run('req', '-new', ...subject, '-key', key, '-out', out);
  };
  return {
    folder,
    under: (below, name) => {
      makeFolder(openssl, below);
      newKey(openssl, `${below}/ca.key`);
      request(name, `${below}/ca.key`, `${below}/ca.csr`);
      ca(
        '-extensions',
        'authority',
        '-days',
        '3000',
        '-in',
        `${below}/ca.csr`,
        '-notext',
        '-out',
        `${below}/ca.pem`,
      );
      return operate(openssl, below);
    },
    issue: (deviceId, file, ...more) => {
      newKey(openssl, `${file}.key`);
      request(deviceId, `${file}.key`, `${file}.csr`);
      const days = more.includes('-enddate') ? [] : ['-days', '365'];
      ca('-in', `${file}.csr`, '-notext', '-out', `${file}.pem`, ...days, ...more);
    },
    revoke: (file, reason) => void ca('-revoke', `${file}.pem`, '-crl_reason', reason),
    crl: () => {
      ca('-gencrl', '-out', `${folder}/crl.pem`);
      return openssl.read(`${folder}/crl.pem`);
    },
  };
}

/** A root as `openssl req -x509` makes it, and its database. */
export function foreignRoot(openssl: OpenSsl, folder: string, name: string): ForeignCa {
  makeFolder(openssl, folder);
  newKey(openssl, `${folder}/ca.key`);
  const own = ['-config', `${folder}/ca.cnf`, '-extensions', 'authority', '-subj', `/CN=${name}`];
  openssl.run(
    'req',
    '-new',
    '-x509',
    '-days',
    '3650',
    ...own,
    '-key',
    `${folder}/ca.key`,
    '-out',
    `${folder}/ca.pem`,
  );
  return operate(openssl, folder);
}
