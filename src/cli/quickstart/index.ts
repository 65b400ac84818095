/**
 * The demonstration that a fresh machine runs first: a service, a fleet, a factory's lot of requests,
 * bundles in a folder, and a gateway that lets the devices in. It speaks to the service through its
 * REST API alone, as a factory does, and believes nothing that it has not checked.
 */
export * from './quickstart.ts';
