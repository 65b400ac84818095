/**
 * Holds an exchange with the service against openapi.yaml: nothing may leave it that the page does not
 * say. What holds for every path alike (OPTIONS, 405, unknown paths) is said in its description, and here.
 */
import { readFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { fileURLToPath } from 'node:url';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { parse } from 'yaml';

export type Method = 'get' | 'post' | 'put' | 'delete';
export type Role = 'admin' | 'security' | 'station' | 'auditor';

interface Media {
  readonly schema: { readonly format?: string; readonly contentSchema?: object };
}

interface AnswerSpec {
  readonly $ref?: string;
  readonly headers?: Readonly<Record<string, { readonly $ref?: string; readonly required?: boolean }>>;
  readonly content?: Readonly<Record<string, Media>>;
}

interface OperationSpec {
  readonly operationId: string;
  readonly security?: readonly object[];
  readonly 'x-roles'?: readonly Role[];
  readonly requestBody?: { readonly content: Readonly<Record<string, Media>> };
  readonly responses: Readonly<Record<string, AnswerSpec>>;
}

interface Document {
  readonly paths: Readonly<Record<string, Partial<Record<Method, OperationSpec>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, { readonly enum?: readonly string[] }>> };
}

const file = fileURLToPath(new URL('../../openapi.yaml', import.meta.url));
export const openapi: Document = parse(readFileSync(file, 'utf8'));

export interface Operation {
  readonly id: string;
  readonly method: Method;
  /** As it stands in the page: `/v1/fleets/{fleet}`. */
  readonly path: string;
  /** null: open to anyone, or to peers whose certificate is on record. */
  readonly roles: readonly Role[] | null;
  /** For peers on the mutual-TLS listener. */
  readonly isMutual: boolean;
  readonly spec: OperationSpec;
}

const METHODS: readonly Method[] = ['get', 'post', 'put', 'delete'];

export const operations: readonly Operation[] = Object.entries(openapi.paths).flatMap(([path, item]) =>
  METHODS.flatMap((method) => {
    const spec = item[method];
    if (!spec) return [];
    const isMutual =
      spec.security?.some((scheme) => 'registrationCertificate' in scheme || 'deviceCertificate' in scheme) ??
      false;
    const roles = isMutual || spec.security?.length === 0 ? null : (spec['x-roles'] ?? []);
    return [{ id: spec.operationId, method, path, roles, isMutual, spec }];
  }),
);

/** What was sent and what came back. */
export interface Exchange {
  readonly method: string;
  /** Path and query as they were sent. */
  readonly target: string;
  /** A body of JSON that was sent; held against the page where the service took it. */
  readonly sentJson?: unknown;
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: true });
formats.default(ajv);
ajv.addSchema(openapi, 'openapi');

const compiled = new Map<string, ValidateFunction>();
const escapePart = (part: string): string =>
  encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'));
const pointer = (...parts: readonly string[]): string => `#/${parts.map(escapePart).join('/')}`;

function checkValue(at: string, what: string, value: unknown): readonly string[] {
  let validate = compiled.get(at);
  if (!validate) {
    validate = ajv.compile({ $ref: `openapi${at}` });
    compiled.set(at, validate);
  }
  if (validate(value)) return [];
  return (validate.errors ?? []).map(({ instancePath, message }) => `${what}${instancePath} ${message}`);
}

/** Follows a `$ref` within the page. */
function resolve<T extends { readonly $ref?: string }>(node: T, at: string): { node: T; at: string } {
  if (node.$ref === undefined) return { node, at };
  const parts = node.$ref.slice(2).split('/');
  const found = parts.reduce<unknown>((here, part) => (here as Record<string, unknown>)[part], openapi);
  return { node: found as T, at: pointer(...parts) };
}

const templates = Object.keys(openapi.paths)
  .map((path) => ({
    path,
    form: new RegExp(`^${path.replaceAll('.', '\\.').replace(/\{[^}]+\}/g, '[^/]+')}$`),
    literals: path.split('/').filter((part) => !part.startsWith('{')).length,
  }))
  .sort((a, b) => b.literals - a.literals);

function pathOf(target: string): string | undefined {
  const bare = target.replace(/^https?:\/\/[^/]*/, '').split('?', 1)[0] ?? '';
  // A slash at the end makes no other path.
  const forms = [bare, bare.replace(/\/$/, ''), `${bare}/`];
  return forms.map((form) => templates.find((template) => template.form.test(form))?.path).find(Boolean);
}

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

function checkHeaders(spec: AnswerSpec, at: string, headers: IncomingHttpHeaders): readonly string[] {
  return Object.entries(spec.headers ?? {}).flatMap(([name, given]) => {
    const header = resolve(given, `${at}/headers/${escapePart(name)}`);
    const value = headers[name.toLowerCase()];
    if (value === undefined) return header.node.required ? [`${name} is missing`] : [];
    return checkValue(`${header.at}/schema`, name, value);
  });
}

function checkContent(media: Media, at: string, body: Buffer): readonly string[] {
  if (media.schema.format === 'binary') return body.length === 0 ? ['the body is empty'] : [];
  const text = body.toString('utf8');
  if (media.schema.contentSchema) {
    if (text !== '' && !text.endsWith('\n')) return ['the last line has no end'];
    const lines = text.split('\n').slice(0, -1);
    return lines.flatMap((line, i) =>
      checkValue(`${at}/schema/contentSchema`, `line ${i + 1}`, parseJson(line)),
    );
  }
  return checkValue(`${at}/schema`, 'body', /json/.test(at) ? parseJson(text) : text);
}

/** What all problems have in common beyond their schema. */
function checkProblem({ status, headers, body }: Exchange): readonly string[] {
  const problem = (parseJson(body.toString()) ?? {}) as Record<string, unknown>;
  const violations: string[] = [];
  if (problem.status !== status) violations.push(`the problem's status is not ${status}`);
  if (problem.instance !== `urn:uuid:${headers['x-request-id']}`)
    violations.push('instance is not the request id');
  if (status !== 500 && problem.type !== `/problems/${problem.code}`)
    violations.push('type is not of the code');
  if (headers['cache-control'] !== 'no-store') violations.push('a problem may be stored');
  return violations;
}

function checkAgainst(spec: AnswerSpec, at: string, exchange: Exchange): readonly string[] {
  const { method, headers, body } = exchange;
  const violations = [...checkHeaders(spec, at, headers)];
  const type = headers['content-type']?.split(';', 1)[0];
  if (!spec.content) {
    if (body.length > 0) violations.push('there is a body where none is due');
    if (type !== undefined) violations.push('there is a Content-Type without a body');
    return violations;
  }
  const media = spec.content[type ?? ''];
  if (!media) return [...violations, `the content type ${type} is not listed`];
  if (method === 'HEAD') return body.length > 0 ? [...violations, 'HEAD has a body'] : violations;
  if (type === 'application/problem+json') violations.push(...checkProblem(exchange));
  return [...violations, ...checkContent(media, `${at}/content/${escapePart(type ?? '')}`, body)];
}

const shared = (name: string): [AnswerSpec, string] => {
  const found = resolve<AnswerSpec>({ $ref: `#/components/responses/${name}` }, '');
  return [found.node, found.at];
};

/** Where no operation answers: an unknown path, or a method that the path does not know. */
function checkOutside(exchange: Exchange, isKnownPath: boolean): readonly string[] {
  const { status, headers, method } = exchange;
  const allow = headers.allow === undefined ? ['Allow is missing'] : [];
  if (status === 401) return checkAgainst(...shared('Unauthenticated'), exchange);
  if (status === 429) return checkAgainst(...shared('TooMany'), exchange);
  if (!isKnownPath && status === 404) return checkAgainst(...shared('NotFound'), exchange);
  if (isKnownPath && method === 'OPTIONS' && status === 204)
    return [...allow, ...checkAgainst({}, '', exchange)];
  if (isKnownPath && status === 405) return [...allow, ...checkAgainst(...shared('NotFound'), exchange)];
  return [`the status ${status} is not one of ${method} here`];
}

function checkSent({ spec, path, method }: Operation, { sentJson, status }: Exchange): readonly string[] {
  if (sentJson === undefined || status >= 300 || !spec.requestBody?.content['application/json']) return [];
  const at = pointer('paths', path, method, 'requestBody', 'content', 'application/json', 'schema');
  return checkValue(at, 'what was sent and taken', sentJson);
}

/** What the exchange does that openapi.yaml does not say; empty where it fits. */
export function checkExchange(exchange: Exchange): readonly string[] {
  const path = pathOf(exchange.target);
  const method = (exchange.method === 'HEAD' ? 'GET' : exchange.method).toLowerCase();
  const operation = operations.find((one) => one.path === path && one.method === method);
  if (!operation) return checkOutside(exchange, path !== undefined);
  const given = operation.spec.responses[String(exchange.status)];
  if (!given) return [`the status ${exchange.status} is not listed for ${operation.id}`];
  const at = pointer('paths', operation.path, operation.method, 'responses', String(exchange.status));
  const answer = resolve(given, at);
  return [...checkAgainst(answer.node, answer.at, exchange), ...checkSent(operation, exchange)];
}
