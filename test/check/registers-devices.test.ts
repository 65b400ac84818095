import { expect, it } from 'vitest';
import { registersDevices } from '../../src/check/index.ts';

it.each([
  ['https://gateway.ota.api.here.com', true],
  ['https://abc123.device-gateway.ota.here.com:8443', true],
  ['https://ota.here.com.', true],
  ['https://x.gw.atsgarage.advancedtelematic.com', true],
  ['https://HERE.com', true],
  ['https://nowhere.com', false],
  ['https://here.com.example', false],
  ['https://gateway.example', false],
])('a call to %s as a device would register it: %s', (url, due) => {
  expect(registersDevices(new URL(url), 'generic')).toBe(due);
});

it('any host registers devices for the target ota-connect', () => {
  expect(registersDevices(new URL('https://gateway.example'), 'ota-connect')).toBe(true);
});
