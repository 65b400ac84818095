import type { DeviceRoute, GuardedRoute, OpenRoute, RegistrationRoute } from './edge.ts';
import { auditRoutes } from './routes/audit.ts';
import { authorityRoutes } from './routes/authorities.ts';
import { authorityRequestRoutes } from './routes/authority-requests.ts';
import { batchListRoutes } from './routes/batch-list.ts';
import { batchResultRoutes } from './routes/batch-results.ts';
import { batchRoutes } from './routes/batches.ts';
import { ceremonyRoutes } from './routes/ceremonies.ts';
import { certificateSearchRoutes } from './routes/certificate-search.ts';
import { certificateRoutes } from './routes/certificates.ts';
import { checkRoutes } from './routes/check.ts';
import { compromiseRoutes } from './routes/compromise.ts';
import { credentialsRoutes } from './routes/credentials.ts';
import { deliveryRoutes } from './routes/deliveries.ts';
import { destructionRoutes } from './routes/destruction.ts';
import { deviceLifeRoutes } from './routes/device-life.ts';
import { deviceRoutes } from './routes/devices.ts';
import { factorySignRoutes } from './routes/factory-sign.ts';
import { fleetRoutes } from './routes/fleets.ts';
import { forecastRoutes } from './routes/forecast.ts';
import { importRoutes } from './routes/import-certificates.ts';
import { keyRoutes } from './routes/keys.ts';
import { madeKeyRoutes } from './routes/made-keys.ts';
import { metricsRoutes } from './routes/metrics.ts';
import { operationRoutes } from './routes/operation.ts';
import { problemRoutes } from './routes/problem-pages.ts';
import { publicationRoutes } from './routes/publication.ts';
import { registerDeviceRoutes } from './routes/register-device.ts';
import { registrationCredentialRoutes } from './routes/registration-credentials.ts';
import { registryRoutes } from './routes/registry.ts';
import { renewRoutes } from './routes/renew.ts';
import { restorationRoutes } from './routes/restoration.ts';
import { revocationRoutes } from './routes/revocations.ts';
import { rotationRoutes } from './routes/rotation.ts';
import { serialRoutes } from './routes/serials.ts';
import { serverRoutes } from './routes/servers.ts';
import { tokenRoutes } from './routes/tokens.ts';
import { webhookRoutes } from './routes/webhooks.ts';

/** What the plain HTTP site serves. */
export const publicRoutes: readonly OpenRoute[] = publicationRoutes;

/** What the mutual-TLS listener serves to devices, by the certificates that they have. */
export const deviceCertificateRoutes: readonly DeviceRoute[] = renewRoutes;

/** What it serves to those that register. */
export const registrationRoutes: readonly RegistrationRoute[] = registerDeviceRoutes;

/** What the API serves without a token. Nothing else is open. */
export const openRoutes: readonly OpenRoute[] = [...publicationRoutes, ...operationRoutes, ...problemRoutes];

/** In the order in which the router asks them: what a line calls thousands of times stands first. */
export const guardedRoutes: readonly GuardedRoute[] = [
  ...certificateRoutes,
  ...batchRoutes,
  ...deviceRoutes,
  ...madeKeyRoutes,
  ...tokenRoutes,
  ...fleetRoutes,
  ...credentialsRoutes,
  ...authorityRoutes,
  ...authorityRequestRoutes,
  ...certificateSearchRoutes,
  ...keyRoutes,
  ...batchListRoutes,
  ...batchResultRoutes,
  ...deviceLifeRoutes,
  ...checkRoutes,
  ...factorySignRoutes,
  ...registrationCredentialRoutes,
  ...ceremonyRoutes,
  ...rotationRoutes,
  ...compromiseRoutes,
  ...destructionRoutes,
  ...forecastRoutes,
  ...serverRoutes,
  ...registryRoutes,
  ...webhookRoutes,
  ...deliveryRoutes,
  ...revocationRoutes,
  ...restorationRoutes,
  ...importRoutes,
  ...serialRoutes,
  ...auditRoutes,
  ...metricsRoutes,
];
