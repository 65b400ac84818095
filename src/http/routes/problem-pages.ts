import { PkiError, REFUSAL_CODES, type RefusalCode } from '../../errors.ts';
import type { Edge, OpenRoute } from '../edge.ts';
import { html, page } from '../html.ts';
import { isRefusalCode, PROBLEMS } from '../problems.ts';
import { pathParameter, type Request, type Response } from '../web.ts';

function sendPage(res: Response, title: string, body: ReturnType<typeof html>): void {
  res
    .set('Cache-Control', 'public, max-age=300')
    .type('html')
    .send(Buffer.from(page(title, body)));
}

function problemPage(code: RefusalCode): ReturnType<typeof html> {
  const { status, title, help, retryable } = PROBLEMS[code];
  const again = retryable
    ? 'The same call may succeed later.'
    : 'The same call will be refused again until something else is sent.';
  return html`<h1>${title}</h1>
<dl><dt>Code</dt><dd><code>${code}</code></dd><dt>Status</dt><dd>${status}</dd></dl>
<p>${help}</p><p>${again}</p><p><a href="/problems">All refusals</a></p>`;
}

function listProblems(_edge: Edge, _req: Request, res: Response): void {
  const items = REFUSAL_CODES.map(
    (code) => html`<dt><a href="/problems/${code}"><code>${code}</code></a> (${PROBLEMS[code].status})</dt>
<dd>${PROBLEMS[code].title}</dd>`,
  );
  const body = html`<h1>Refusals of fleetca</h1><p>Each is the <code>code</code> of a problem.</p><dl>${items}</dl>`;
  sendPage(res, 'Refusals of fleetca', body);
}

function showProblem(_edge: Edge, req: Request, res: Response): void {
  const code = pathParameter(req, 'code');
  if (!isRefusalCode(code)) throw new PkiError('not-found', 'There is no such problem.');
  sendPage(res, PROBLEMS[code].title, problemPage(code));
}

export const problemRoutes: readonly OpenRoute[] = [
  { method: 'get', path: '/problems', handle: listProblems },
  { method: 'get', path: '/problems/:code', handle: showProblem },
];
