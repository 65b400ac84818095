import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { escapeHtml, html, page, STYLE_SOURCE } from '../../src/http/html.ts';

const rendered = (...args: Parameters<typeof html>): string =>
  page('', html(...args)).replace(/^.*<body>|<\/body>.*$/gs, '');

describe('a page', () => {
  it('escapes every text that is put into it, wherever it stands', () => {
    const evil = `</title><script>alert("x")</script><img src=x onerror='y'>&amp;`;
    const text = page(evil, html`<p title="${evil}">${evil}</p>`);
    expect(text).not.toMatch(/<script|<img|="[^"]*"x/);
    expect(text.match(/&lt;script&gt;/g)).toHaveLength(3);
    expect(text).toContain('&amp;amp;');
  });

  it('holds no character of a text that ends an attribute or begins an element', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('<', '>', '"', "'", '&', 'a', ';', '`', '\0') }),
        (text) => {
          expect(escapeHtml(text)).not.toMatch(/[<>"']|&(?!(?:amp|lt|gt|quot|#39);)/);
        },
      ),
      { numRuns: 200, seed: 15 },
    );
  });

  it('takes markup as it is, alone and in lists, and numbers as digits', () => {
    const items = ['a', '<b>'].map((text) => html`<li>${text}</li>`);
    expect(rendered`<ul>${items}</ul>${7}`).toBe('<ul><li>a</li><li>&lt;b&gt;</li></ul>7');
  });

  it('does not take for markup what only looks like it', () => {
    const forged = JSON.parse('{"trusted":"<script>"}');
    expect(() => rendered`${forged}`).toThrow(TypeError);
  });

  it('has the one style that the policy names, and no script', () => {
    expect(STYLE_SOURCE).toMatch(/^'sha256-[A-Za-z0-9+/]{43}='$/);
    expect(page('t', html``).match(/<style>/g)).toHaveLength(1);
    expect(page('t', html``)).not.toContain('<script');
  });
});
