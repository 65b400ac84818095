import { pipeline } from 'node:stream/promises';
import { credentialsFiles, zipFiles } from '../../bundle/index.ts';
import { PkiError } from '../../errors.ts';
import type { Call, GuardedRoute } from '../edge.ts';
import { getFleet } from '../names.ts';
import { fitQuery, noQuery } from '../query.ts';

/** The archive that holds no secret: those of build machines and of registration never reach the service. */
async function showCredentials(call: Call): Promise<void> {
  fitQuery(noQuery, call.req);
  const { gatewayUrl, gatewayRoot, createdAt } = await getFleet(call);
  if (gatewayUrl === null || gatewayRoot === null) {
    throw new PkiError(
      'bad-request',
      'The archive cannot be made: the fleet has no gateway URL (gatewayUrl) or no gateway root (gatewayRoot).',
    );
  }
  const files = credentialsFiles({ 'autoprov.url': gatewayUrl, 'server_ca.pem': gatewayRoot });
  call.res.set({
    'Content-Type': 'application/zip',
    'Content-Disposition': 'attachment; filename="credentials.zip"',
  });
  // The time is the fleet's, so that the same settings are the same octets.
  await pipeline(zipFiles([{ name: '', files, modified: createdAt }]), call.res);
}

export const credentialsRoutes: readonly GuardedRoute[] = [
  {
    method: 'get',
    path: '/v1/fleets/:fleet/credentials.zip',
    permission: 'certificate:read',
    scope: 'fleet',
    what: 'fleet',
    handle: showCredentials,
  },
];
