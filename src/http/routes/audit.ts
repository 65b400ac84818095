import type { Call, GuardedRoute } from '../edge.ts';
import { fitQuery, numberedPageQuery, readPage } from '../query.ts';
import { sendJson } from '../web.ts';

async function listAudit({ edge, req, res }: Call): Promise<void> {
  const { after, limit } = fitQuery(numberedPageQuery, req);
  const page = await readPage(
    limit,
    (most) => edge.audit.listAudit(after, most),
    ({ seq }) => String(seq),
  );
  sendJson(res, 200, page);
}

export const auditRoutes: readonly GuardedRoute[] = [
  {
    method: 'get',
    path: '/v1/audit',
    permission: 'audit:read',
    scope: 'service',
    what: 'audit log',
    handle: listAudit,
  },
];
