/** The OpenSSL configuration with which the manuals of OTA Connect and ota-community-edition make a fleet root. */
export const manualRootConfig = (commonName: string, purpose: 'serverAuth' | 'clientAuth'): string => `
[req]
prompt = no
distinguished_name = dn
x509_extensions = v3_ca
[dn]
CN = ${commonName}
[v3_ca]
basicConstraints = CA:TRUE
keyUsage = keyCertSign
extendedKeyUsage = critical, ${purpose}
`;
