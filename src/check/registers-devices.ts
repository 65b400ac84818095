import type { TargetName } from '../policy/index.ts';

/** Where OTA Connect's gateways are known to be; a final dot names the same host. */
const OTA_CONNECT_HOST = /(?:^|\.)(?:here\.com|advancedtelematic\.com)\.?$/;

/** Whether the gateway takes an unknown device in at its first valid connection: then a try registers it. */
export const registersDevices = ({ hostname }: URL, target: TargetName): boolean =>
  target === 'ota-connect' || OTA_CONNECT_HOST.test(hostname);
