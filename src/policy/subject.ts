import { OID } from '../asn1/index.ts';
import { PkiError } from '../errors.ts';
import { attributeName, attributesOf, type Csr, type SubjectAttribute } from '../x509/index.ts';
import { SUBJECT_TYPES } from './profile.ts';

/**
 * The one common name of a request. Refuses `subject-missing-cn` (none, or empty),
 * `subject-several-cn`, and `bad-device-id` where its octets are outside its declared string type.
 */
export function commonNameOf(csr: Csr): string {
  const [cn, second] = attributesOf(csr.subject, OID.commonName);
  if (cn === undefined)
    throw new PkiError('subject-missing-cn', 'The request has no common name (CN) in its subject.');
  if (second !== undefined)
    throw new PkiError('subject-several-cn', 'The request has more than one common name (CN).');
  if (cn.value === undefined) {
    throw new PkiError(
      'bad-device-id',
      'The common name holds octets that are outside its declared string type, or a type that is not taken.',
    );
  }
  if (cn.value === '')
    throw new PkiError('subject-missing-cn', 'The common name (CN) of the request is empty.');
  return cn.value;
}

/** One warning that lists the request's other name attributes, which the certificate will not have. */
export function droppedAttributes({ subject: { rdns } }: Csr): readonly string[] {
  if (rdns.every((rdn) => rdn.every(({ type }) => type === OID.commonName))) return [];
  const others = rdns.flat().filter(({ type }) => type !== OID.commonName);
  const names = [...new Set(others.map(({ type }) => attributeName(type)))];
  return [
    `The subject's ${names.join(', ')} was left out: the certificate has the CN and the profile's own attributes.`,
  ];
}

type FixedSubject = Partial<Record<keyof typeof SUBJECT_TYPES, string | undefined>>;

/** CN first, then the profile's fixed attributes: some gateways take all before CN for the ID. */
export function subjectFor(commonName: string, fixed: FixedSubject): readonly SubjectAttribute[] {
  const rest = (Object.keys(SUBJECT_TYPES) as (keyof typeof SUBJECT_TYPES)[]).flatMap((key) => {
    const value = fixed[key];
    return value === undefined ? [] : [{ type: SUBJECT_TYPES[key], value }];
  });
  return [{ type: OID.commonName, value: commonName }, ...rest];
}
