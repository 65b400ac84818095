import { describe, expect, test } from 'vitest';
import { addressFault, urlFault } from '../../src/outgoing/reach.ts';

const reach = {
  hosts: ['hooks.example.com', '93.184.216.34'],
  privateHosts: ['registry.factory', '169.254.10.1', '::1'],
};

describe('a URL is called', () => {
  test.each([
    'https://hooks.example.com',
    'https://hooks.example.com:8443/a/b?c=d',
    'https://93.184.216.34/x',
    'https://registry.factory/x',
    'http://registry.factory:8080',
    'http://[::1]:8080/x',
  ])('%s', (url) => {
    expect(urlFault(url, reach)).toBeUndefined();
  });
});

describe('a URL is not called', () => {
  test.each([
    ['http://hooks.example.com', 'https://'],
    ['https://other.example.com', 'does not let'],
    ['https://hooks.example.com.', 'does not let'],
    ['https://hooks.example.com.evil.test', 'does not let'],
    ['https://a.hooks.example.com', 'does not let'],
    ['https://user:word@hooks.example.com', 'credentials'],
    ['https://hooks.example.com@evil.test', 'credentials'],
    ['https://hooks.example.com#x', 'fragment'],
    ['https://HOOKS.example.com/x', 'as it is read'],
    ['https://0x5db8d822/', 'as it is read'],
    ['https://hooks.example.com/a/../b', 'as it is read'],
    ['ftp://hooks.example.com', 'http'],
    ['https://hooks.example.com/a b', 'http'],
    ['file:///etc/passwd', 'http'],
    ['', 'http'],
  ])('%s', (url, due) => {
    expect(urlFault(url, reach)).toContain(due);
  });
});

const INSIDE = ['10.1.2.3', '192.168.0.1', '172.16.9.9', '100.64.0.1', '127.0.0.1', '::1', 'fd00::1'];
const NOBODYS = [
  '0.0.0.0',
  '255.255.255.255',
  '224.0.0.1',
  '240.0.0.1',
  '192.0.0.8',
  '::',
  'ff02::1',
  '64:ff9b::a00:1',
  '2002:a00:1::',
  '2001::1',
  '::7f00:1',
];
const LINK_LOCAL = ['169.254.169.254', 'fe80::1'];
const MAPPED = ['::ffff:127.0.0.1', '::ffff:10.0.0.1', '::ffff:169.254.169.254', '::ffff:93.184.216.34'];

describe('an address of a host on the Internet', () => {
  test.each(['93.184.216.34', '2606:2800:220:1:248:1893:25c8:1946'])('may be public: %s', (address) => {
    expect(addressFault(address, 'hooks.example.com', reach)).toBeUndefined();
  });

  test.each([...INSIDE, ...LINK_LOCAL, ...NOBODYS, ...MAPPED])('may not be %s', (address) => {
    expect(addressFault(address, 'hooks.example.com', reach)).toContain('not public');
  });
});

describe('an address of a host inside', () => {
  test.each([...INSIDE, '93.184.216.34', '::ffff:10.0.0.1'])('may be %s', (address) => {
    expect(addressFault(address, 'registry.factory', reach)).toBeUndefined();
  });

  test.each([...LINK_LOCAL, ...NOBODYS, '::ffff:169.254.169.254'])('may not be %s', (address) => {
    expect(addressFault(address, 'registry.factory', reach)).toContain('not public');
  });

  test('may be of the link alone where the operator has named the address itself', () => {
    expect(addressFault('169.254.10.1', '169.254.10.1', reach)).toBeUndefined();
  });
});
