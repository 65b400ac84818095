import type { Call, GuardedRoute } from '../edge.ts';
import { fitQuery, noQuery } from '../query.ts';

async function showMetrics({ edge, req, res }: Call): Promise<void> {
  fitQuery(noQuery, req);
  const { contentType, text } = await edge.metrics.expose();
  res.status(200).set('Content-Type', contentType).send(Buffer.from(text, 'utf8'));
}

export const metricsRoutes: readonly GuardedRoute[] = [
  {
    method: 'get',
    path: '/metrics',
    permission: 'metrics:read',
    scope: 'service',
    what: 'page',
    handle: showMetrics,
  },
];
