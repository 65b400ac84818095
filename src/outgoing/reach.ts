import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** Whom the operator lets the service call: names and addresses, lower case. Nobody else is called. */
export interface Reach {
  /** On the public Internet. */
  readonly hosts: readonly string[];
  /** Inside: these may be at private and loopback addresses, and may be called without TLS. */
  readonly privateHosts: readonly string[];
}

/** The host of a URL, an IPv6 address without its brackets. */
export const hostOf = ({ hostname }: URL): string => hostname.replace(/^\[(.*)\]$/, '$1');

const isSameHost = (one: string, other: string): boolean =>
  isIP(one) !== 0 && isIP(other) !== 0
    ? ipaddr.parse(one).toNormalizedString() === ipaddr.parse(other).toNormalizedString()
    : one === other;

const holds = (hosts: readonly string[], host: string): boolean => hosts.some((one) => isSameHost(one, host));

/**
 * Why a URL is not to be called; undefined where it is. The text must be what the parser makes of it: what a
 * person reads in the audit log is then where the call goes.
 */
export function urlFault(text: string, { hosts, privateHosts }: Reach): string | undefined {
  if (!/^https?:\/\/[\x21-\x7e]+$/.test(text) || !URL.canParse(text)) return 'is not a URL of http or https';
  const url = new URL(text);
  if (url.username !== '' || url.password !== '') return 'must not hold credentials';
  if (text.includes('#')) return 'must have no fragment';
  if (url.href !== text && url.href !== `${text}/`) return `is not written as it is read: ${url.href}`;
  const host = hostOf(url);
  const isPrivate = holds(privateHosts, host);
  if (!isPrivate && !holds(hosts, host))
    return `names a host that the operator does not let the service call: ${host} (outgoing.hosts, outgoing.privateHosts)`;
  return url.protocol === 'https:' || isPrivate
    ? undefined
    : 'must begin with https:// where the host is none of outgoing.privateHosts';
}

/** RFC 4291, 2.4, and IANA: global unicast is 2000::/3, and what has no meaning of its own in there. */
function isPublic(address: ipaddr.IPv4 | ipaddr.IPv6): boolean {
  if (address.range() !== 'unicast') return false;
  return address.kind() === 'ipv4' || ((address as ipaddr.IPv6).parts[0] ?? 0) >>> 13 === 1;
}

const INSIDE = ['private', 'uniqueLocal', 'carrierGradeNat', 'loopback'];

/**
 * Why a host's address is not to be connected to; undefined where it is. A name that an attacker points into
 * our own network is refused here; so is one that is allowed inside and points at a link's own services, where
 * clouds keep credentials: those only by their address.
 */
export function addressFault(address: string, host: string, { privateHosts }: Reach): string | undefined {
  const given = ipaddr.parse(address);
  if (isPublic(given)) return undefined;
  const range = given.range();
  const refusal = `is at an address that is not public (${range})`;
  if (!holds(privateHosts, host)) return refusal;
  const real = ipaddr.process(address);
  const isInside = isPublic(real) || INSIDE.includes(real.range());
  const isNamedItself = real.range() === 'linkLocal' && isIP(host) !== 0;
  return isInside || isNamedItself ? undefined : refusal;
}
