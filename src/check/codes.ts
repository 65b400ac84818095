/** Who would notice: the device by itself, the gateway that it calls, or the OTA server behind that. */
export type Side = 'device' | 'gateway' | 'server' | 'nobody';

interface Meaning {
  readonly side: Side;
  /** What to do about it: the last paragraph of its section in docs/check.md, word for word. */
  readonly todo: string;
}

const device = (todo: string): Meaning => ({ side: 'device', todo });
const gateway = (todo: string): Meaning => ({ side: 'gateway', todo });
const server = (todo: string): Meaning => ({ side: 'server', todo });
const nobody = (todo: string): Meaning => ({ side: 'nobody', todo });

/**
 * Everything that a check can find. Scripts switch on these words; one is never renamed. Each has a section
 * in docs/check.md, and a test holds both together.
 */
export const MEANINGS = {
  // the files
  'file-unreadable': device('Make the file again from its source; copy it in binary, and compare checksums.'),
  'file-too-open': nobody('Set the mode to 0600: chmod 600 on the file, in the image too.'),
  'files-nested': device('Copy the contents, not the folder: scp -p DIR/* root@dev:/var/sota/import/.'),
  'config-malformed': device('Write one key = "value" a line under a [section], as the bundle layouts do.'),
  'config-names-missing-file': device(
    'Put the file into the bundle under the name that the configuration has, or correct the configuration.',
  ),
  'config-hsm-id': device('Write each id as two hexadecimal digits, such as 01.'),
  'config-uptane-key-in-file': device('Set key_source = "pkcs11" in the section uptane.'),
  'config-reports-pin': server('Add report_config = false in a section telemetry.'),
  'pkcs12-unreadable': device('Export it again with an empty password; the OTA tools know no other.'),
  'pkcs12-old-cipher': device(
    'Export it again with -keypbe and -certpbe PBE-SHA1-3DES, or with PBES2 where all readers are new.',
  ),
  // key and certificate
  'certificate-missing': device('Put the certificate of the device into the bundle, as client.pem.'),
  'certificate-der': device('Convert it: openssl x509 -inform DER -in client.der -out client.pem.'),
  'key-elsewhere': nobody(
    'See that the device has the key in the place that its configuration names; else put it into the bundle as pkey.pem.',
  ),
  'key-encrypted': device('Decrypt it: openssl pkcs8 -in key.pem -out pkey.pem -topk8 -nocrypt.'),
  'key-der': device('Convert it: openssl pkcs8 -inform DER -in key.der -out pkey.pem -topk8 -nocrypt.'),
  'key-unreadable': device(
    'Make the file again from its source; if the key is lost, make a new one and renew.',
  ),
  'key-mismatch': device(
    'Put key and certificate of the same request together; replace both, never one alone.',
  ),
  'key-of-ca': nobody(
    'Take the key out of the bundle. If the bundle was handed on, take that CA out of use, and make another.',
  ),
  'key-beside-certificate': device(
    'Put the key into a file of its own: openssl pkey -in client.pem -out pkey.pem.',
  ),
  'key-weak': device('Make a new key, P-256 or RSA with 2048 bits or more, and renew the certificate.'),
  'key-explicit-curve': device(
    'Make a key that names its curve (openssl ecparam -name prime256v1 -genkey -param_enc named_curve), and renew.',
  ),
  'key-unproven': device('Use P-256 or RSA, or try one device with this key before the lot.'),
  'key-not-pkcs8': device('Convert it: openssl pkcs8 -topk8 -nocrypt -in key.pem -out pkey.pem.'),
  // the chain that the device presents
  'chain-order': gateway(
    "Put the device's own certificate first, then its issuer, then the issuer's issuer.",
  ),
  'chain-incomplete': gateway(
    "Append the intermediate to the device's certificate, or let the gateway trust that intermediate together with its root.",
  ),
  'issuer-unknown': gateway(
    "Append the intermediate that issued it, if there is one; if it is another fleet's, take this fleet's certificate.",
  ),
  'chain-root-included': nobody('Nothing must be done; without the root each handshake is smaller.'),
  'chain-stranger': gateway('Take out what does not belong to the chain.'),
  'chain-broken': gateway('Put in the CA certificate that did sign, not another of the same name.'),
  'leaf-alone': gateway(
    'Let the gateway trust the issuing CA as well as the root (the trust bundle), or let the root issue.',
  ),
  'self-signed': gateway('Request a certificate from the fleet; a self-signed one is known to nobody.'),
  untrusted: gateway(
    "Give the gateway this chain's root, or the device a certificate of the fleet that the gateway trusts.",
  ),
  'gateway-lacks-root': gateway('Give the gateway the root beside the intermediate: the whole trust bundle.'),
  'trust-unknown': nobody(
    'Say what the gateway trusts with --trust FILE or --fleet NAME, or try it with --gateway URL.',
  ),
  'issuer-not-ca': gateway(
    'Let a certificate of a CA (basicConstraints CA:TRUE, keyUsage keyCertSign) sign.',
  ),
  'path-length': gateway('Take out a level, or renew the upper CA with a greater path length.'),
  'unknown-critical-extension': gateway('Renew without the extension, or with it not critical.'),
  'weak-signature': gateway('Renew with SHA-256 or better.'),
  // purposes
  'purpose-leaf': gateway('Renew with keyUsage digitalSignature and extendedKeyUsage clientAuth.'),
  'purpose-ca': gateway('Renew the CA with clientAuth in its extendedKeyUsage, or without that extension.'),
  'purpose-any': gateway('Renew with clientAuth in the extendedKeyUsage.'),
  'leaf-version-1': gateway('Renew as version 3, with keyUsage and extendedKeyUsage.'),
  'leaf-is-ca': gateway(
    'Renew without basicConstraints CA:TRUE: whoever has the key of this device can make others.',
  ),
  'leaf-no-digital-signature': gateway('Renew with keyUsage digitalSignature.'),
  'leaf-without-purpose': gateway('Renew with extendedKeyUsage clientAuth when it is due.'),
  'ca-not-strict': gateway(
    'Nothing, where the gateways run on OpenSSL without x509_strict; else renew the CA as RFC 5280 has it.',
  ),
  'leaf-not-strict': gateway(
    'Nothing, where the gateways run on OpenSSL without x509_strict; else renew as RFC 5280 has it.',
  ),
  // dates
  'leaf-expired': gateway('Renew it, with the same common name.'),
  'leaf-not-yet-valid': gateway('Wait, or renew with a notBefore that lies in the past.'),
  'leaf-ends-soon': gateway('Renew it now, with the same common name.'),
  'leaf-outlives-issuer': gateway("Renew the issuing CA before its end, or reckon with the issuer's date."),
  'leaf-no-end': nobody(
    'Nothing must be done; the certificate lives until its issuer ends or it is revoked.',
  ),
  'ca-expired': gateway('Renew the CA, give the gateway the new certificate, and renew what is under it.'),
  'ca-not-yet-valid': gateway(
    'Wait, or make the CA certificate again with a notBefore that lies in the past.',
  ),
  'leaf-fresh': gateway('Wait an hour, or renew with a notBefore that lies a day back.'),
  'clock-at-first-boot': device('See that the clock of the device is set before its first connection.'),
  // what the gateway looks certificates up in
  'leaf-revoked': gateway('Take the device out of use, or issue anew with supersede and a reason.'),
  'ca-revoked': gateway('Issue anew under another CA, and let the gateway trust that one.'),
  'crl-missing': gateway(
    "Give the gateway one CRL for each CA in the chain, the root's included (fleetca publish: crls.pem), or leave ssl_crl out.",
  ),
  'crl-issuer-may-not-sign': gateway(
    'Leave ssl_crl out, and block devices at the gateway; to revoke by CRL, make a root with cRLSign.',
  ),
  'crl-expired': gateway('Fetch the present CRLs, reload the gateway, and let its hook run more often.'),
  'crl-not-yet-valid': gateway('Set the clock of the gateway, or of where the CRL was made, right.'),
  'crl-ends-soon': gateway(
    'Let the hook run at least every third of the time that a CRL lives, and look why it did not.',
  ),
  'crl-broken': gateway(
    'Fetch the CRLs anew; where a CA was made again under its old name, take the CRL of the new one.',
  ),
  // the name
  'id-missing': device('Renew with the device ID as common name.'),
  'id-unreadable': device('Renew with the common name as UTF8String or PrintableString.'),
  'id-several': server('Renew with one common name.'),
  'id-not-first': server('Renew with the common name as the first attribute of the subject.'),
  'id-form': server('Renew with a lower-case UUID as common name, and register the device under that.'),
  'id-unfit': server('Renew with a plain ID: up to 64 visible characters, without slashes.'),
  'id-not-folder': server('Put the bundle onto the device that its certificate names.'),
  // the gateway's URL and root, as the device has them
  'url-missing': device("Put the gateway's URL into gateway.url, without a line end."),
  'url-http': device('Write https:// instead; with http:// nothing is protected and nobody is told.'),
  'url-slash': server('Take the slash off the end.'),
  'url-line-end': device("Write it without the line end: printf '%s' URL > gateway.url."),
  'url-malformed': device('Write scheme, host and port alone, as in https://gateway.example:8443.'),
  'server-root-missing': device(
    "Put the root of the gateway's server certificate into the bundle as root.crt.",
  ),
  'server-root-empty': device("Write the gateway's root into the file, in PEM."),
  'server-root-der': device('Convert it: openssl x509 -inform DER -in root.der -out root.crt.'),
  'server-root-expired': device("Put the gateway's present root into the bundle."),
  'server-root-not-yet-valid': device('Wait, or put the present root beside it.'),
  'server-root-ends-soon': device('Add the root that comes after it, before the gateway changes over.'),
  'server-root-is-leaf': device(
    "Put in the CA above the server's certificate: this one breaks with its next renewal.",
  ),
  'server-root-is-fleet-root': device(
    "Compare with the gateway's own chain: root.crt must hold the CA of its server certificate.",
  ),
  // what a gateway did when it was called
  'handshake-not-tried': nobody('Put the key into the bundle, or correct what fails before it.'),
  'gateway-unreachable': device(
    "Look at the URL, at the name's address, and at what is between here and there.",
  ),
  'gateway-no-tls': device('Let the URL name the port on which the gateway speaks TLS.'),
  'gateway-not-trusted': device(
    "Put the root of the gateway's present server certificate into root.crt, in PEM.",
  ),
  'gateway-other-name': device(
    "Call the gateway by a name in its certificate's subjectAltName, or have that name put in.",
  ),
  'gateway-refuses': gateway(
    'Do what the alert or the answer says; where it says little, look into the log of the gateway.',
  ),
  'gateway-accepts': nobody('Nothing must be done.'),
  'gateway-one-version': gateway('Let the gateway speak TLS 1.2 and 1.3: ssl_protocols TLSv1.2 TLSv1.3.'),
  'gateway-silent': gateway('Look whether something behind the gateway hangs.'),
  'gateway-lets-anyone-in': gateway('Let the gateway demand a certificate: ssl_verify_client on.'),
  'gateway-only-asks': gateway(
    'Let the gateway verify what it is shown: ssl_verify_client on, not optional_no_ca.',
  ),
  'gateway-ca-names': nobody('Nothing must be done.'),
  'gateway-ca-not-named': gateway(
    "Add the fleet's root to what the gateway trusts; a device with several certificates would send none.",
  ),
  'gateway-ca-names-unknown': nobody('Install openssl to see them; nothing else depends on it.'),
  // a root before it is sent in
  'root-not-self-signed': server('Send the root at the top of the chain, not an intermediate.'),
  'root-not-ca': server('Make the root again with basicConstraints critical, CA:TRUE.'),
  'root-purpose-server': server('Make the root again with extendedKeyUsage critical serverAuth, clientAuth.'),
  'root-purpose-client': gateway(
    'Make the root again with extendedKeyUsage critical serverAuth, clientAuth, which holds what the manual demands as well.',
  ),
  'root-key-usage': server('Make the root again with keyUsage critical keyCertSign, cRLSign.'),
  'root-no-crl-sign': gateway('Leave ssl_crl out; to revoke by CRL, make a root with cRLSign.'),
  'root-key-weak': gateway('Make the root again with P-256, or with RSA of 3072 bits or more.'),
  'root-key-kind': server('Make the root with P-256, or ask the server first.'),
  'root-unnamed': nobody('Make the root with the name of the fleet as its common name.'),
  'root-ends-soon': gateway('Prepare the next root now: each device needs a certificate under it.'),
  'root-holds-key': nobody(
    'Send nothing of this file. Take the key out; if the file has left this machine, make a new root.',
  ),
  'root-several': server('Send each root in a file of its own.'),
  'root-der': server('Convert it: openssl x509 -inform DER -in root.der -out root.pem.'),
  // a whole fleet
  'fleet-link-broken': gateway(
    'Renew the authority under the present root, or publish the root that it is under.',
  ),
  'fleet-authority-ends-soon': gateway(
    'Make the next issuing authority now, and give gateways the new trust bundle.',
  ),
  'fleet-not-published': gateway(
    'Fetch the trust bundle anew (fleetca publish); if it lacks this authority still, report a defect.',
  ),
  'fleet-no-root': gateway('Make or import a root: fleetca authority create, or import.'),
  'fleet-root-issues': nobody('Make an issuing authority, so that the key of the root can rest.'),
  'fleet-no-gateway': device("Tell the fleet both: fleetca fleet set, with the gateway's URL and root."),
  'fleet-server-unconfirmed': server('Ask the server, and say so when it has taken the root.'),
  'fleet-server-not-told': server('Make the hand-over with fleetca publish, and send it.'),
  'fleet-no-crls': gateway(
    'Leave ssl_crl out, and block devices at the gateway; to revoke by CRL, make a root with cRLSign.',
  ),
  'fleet-crl-stale': gateway('Look whether the service runs, and what it logs of CRLs.'),
  'fleet-bundle': device('Check the bundle by itself, fleetca check, for all that there is to say of it.'),
} as const satisfies Readonly<Record<string, Meaning>>;

export type CheckCode = keyof typeof MEANINGS;
export const CHECK_CODES = Object.keys(MEANINGS) as readonly CheckCode[];
