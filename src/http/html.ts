import { createHash } from 'node:crypto';

const trusted: unique symbol = Symbol('markup that was made by html``');

/** Markup. Only `html` makes it, so text of others cannot stand in a page unescaped. */
export interface Html {
  readonly [trusted]: string;
}

type Part = Html | string | number | readonly Html[];

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (c) => ENTITIES[c] ?? c);

function render(part: Part): string {
  if (typeof part === 'string') return escapeHtml(part);
  if (typeof part === 'number') return String(part);
  return isMarkup(part) ? part[trusted] : part.map((one) => one[trusted]).join('');
}

const isMarkup = (part: Html | readonly Html[]): part is Html => trusted in part;

/** Markup from a template; what is put in is escaped unless it is markup itself. */
export const html = (texts: TemplateStringsArray, ...parts: readonly Part[]): Html => ({
  [trusted]: texts.reduce((done, text, i) => done + render(parts[i - 1] ?? '') + text),
});

const STYLE =
  'body{font:16px/1.5 system-ui,sans-serif;max-width:48rem;margin:2rem auto;padding:0 1rem}code,pre{font-family:ui-monospace,monospace;overflow-wrap:anywhere}dt{font-weight:600}dd{margin:0 0 .5rem}.warning{border-left:4px solid #b45309;padding-left:.75rem}';

/** What a content security policy must name so that the pages' own style counts, and no other. */
export const STYLE_SOURCE = `'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`;

/** A whole page. */
export const page = (title: string, body: Html): string =>
  `<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(title)}</title><style>${STYLE}</style></head><body>${body[trusted]}</body></html>\n`;
