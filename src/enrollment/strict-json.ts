import { PkiError } from '../errors.ts';

const MAX_DEPTH = 8;
const TOKENS = /"(?:[^"\\]|\\.)*"|[{}[\],:]/g;

function refuse(what: string): never {
  throw new PkiError('bad-json', `The JSON ${what}.`);
}

interface Scope {
  /** null inside an array. */
  readonly names: Set<string> | null;
  expectsName: boolean;
}

function openScope(scopes: Scope[], token: string): void {
  scopes.push({ names: token === '{' ? new Set() : null, expectsName: token === '{' });
  if (scopes.length > MAX_DEPTH) refuse(`is nested deeper than ${MAX_DEPTH}`);
}

/** JSON.parse keeps the last of two equal names in silence; another reader may keep the first. */
function checkName(scope: Scope, token: string): void {
  const name: string = JSON.parse(token);
  if (scope.names?.has(name)) refuse(`has the name ${JSON.stringify(name.slice(0, 64))} twice in one object`);
  if (name === '__proto__') refuse('has a name that is not taken: __proto__');
  scope.names?.add(name);
  scope.expectsName = false;
}

function step(scopes: Scope[], token: string): void {
  const scope = scopes.at(-1);
  if (token === '{' || token === '[') openScope(scopes, token);
  else if (token === '}' || token === ']') scopes.pop();
  else if (token === ',' && scope) scope.expectsName = scope.names !== null;
  else if (scope?.expectsName && token !== ':') checkName(scope, token);
}

/** Walks the tokens of a text that JSON.parse has accepted. */
function checkStructure(text: string): void {
  const scopes: Scope[] = [];
  for (const [token] of text.matchAll(TOKENS)) step(scopes, token);
}

/**
 * Parses JSON (RFC 8259) that means the same to every reader: no name twice in one object, no
 * `__proto__`, nesting up to 8, no lone surrogates, no number beyond a double (RFC 7493, 2.2).
 * Refuses `bad-json`.
 */
export function parseStrictJson(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Without the parser's own message, which quotes the input.
    return refuse('cannot be parsed');
  }
  checkStructure(text);
  checkValue(value);
  return value;
}

function checkValue(value: unknown): void {
  if (typeof value === 'string' && !value.isWellFormed()) refuse('holds a lone surrogate');
  // JSON.parse makes Infinity of 1e400 in silence; another reader keeps it, or refuses.
  if (typeof value === 'number' && !Number.isFinite(value)) refuse('holds a number that is too large');
  if (value === null || typeof value !== 'object') return;
  for (const [name, inner] of Object.entries(value)) {
    checkValue(name);
    checkValue(inner);
  }
}
