/** What a gateway answers to one request of a device. */
export interface RouteAnswer {
  readonly status: number;
  readonly type: 'text/plain; charset=utf-8' | 'application/json';
  readonly body: string;
  /** The route as the list of devices has it; null where there is none. */
  readonly route: string | null;
  readonly allow?: string;
}

interface Route {
  readonly name: string;
  readonly methods: readonly string[];
  readonly path: RegExp;
  readonly status: number;
  /** JSON; empty: no body. */
  readonly body?: unknown;
}

const MISSING = { code: 'missing_entity', description: 'there is no such thing on this gateway' };

/**
 * What the client calls (the names are those of ota-ce). It is answered as by a server that has taken the
 * report and has no update: metadata and trees come from an Uptane server, which this is not.
 */
const ROUTES: readonly Route[] = [
  { name: 'director/ecus', methods: ['POST'], path: /^\/director\/ecus$/, status: 200 },
  { name: 'director/manifest', methods: ['PUT'], path: /^\/director\/manifest$/, status: 200 },
  { name: 'director', methods: ['GET'], path: /^\/director\/[^/]+\.json$/, status: 404, body: MISSING },
  { name: 'repo', methods: ['GET'], path: /^\/repo(\/[^/]+)+$/, status: 404, body: MISSING },
  { name: 'system_info', methods: ['PUT'], path: /^\/system_info$/, status: 200 },
  { name: 'system_info/network', methods: ['PUT'], path: /^\/system_info\/network$/, status: 200 },
  { name: 'system_info/config', methods: ['POST'], path: /^\/system_info\/config$/, status: 200 },
  { name: 'core/installed', methods: ['PUT'], path: /^\/core\/installed$/, status: 200 },
  { name: 'events', methods: ['POST'], path: /^\/events$/, status: 200 },
  { name: 'treehub', methods: ['GET'], path: /^\/treehub(\/[^/]+)+$/, status: 404, body: MISSING },
  {
    name: 'campaigner',
    methods: ['GET'],
    path: /^\/campaigner\/campaigns$/,
    status: 200,
    body: { campaigns: [] },
  },
];

/** What a first boot calls, in order, and what tells that a device has come online in full. */
export const FIRST_BOOT: readonly string[] = [
  'director/ecus',
  'system_info',
  'core/installed',
  'system_info/network',
  'system_info/config',
  'director/manifest',
  'director',
];

const json = (value: unknown): string => (value === undefined ? '' : `${JSON.stringify(value)}\n`);

const allowed = ({ methods }: Route): readonly string[] =>
  methods.includes('GET') ? [...methods, 'HEAD'] : methods;

/**
 * The answer to a request of a device that was let in. Routes are literal, as ota-ce's are: a doubled slash
 * finds nothing. `/` tells the device who it is taken for.
 */
export function answerDevice(method: string, target: string, deviceId: string): RouteAnswer {
  const path = target.replace(/\?.*$/s, '');
  if (path === '/' && (method === 'GET' || method === 'HEAD')) {
    return { status: 200, type: 'text/plain; charset=utf-8', body: `${deviceId}\n`, route: null };
  }
  const found = ROUTES.filter((route) => route.path.test(path));
  const route = found.find((one) => allowed(one).includes(method));
  if (route) {
    return { status: route.status, type: 'application/json', body: json(route.body), route: route.name };
  }
  const [other] = found;
  if (other) {
    return {
      status: 405,
      type: 'application/json',
      body: json({
        code: 'method_not_allowed',
        description: `${other.name} takes ${other.methods.join(', ')}`,
      }),
      route: null,
      allow: allowed(other).join(', '),
    };
  }
  return { status: 404, type: 'application/json', body: json(MISSING), route: null };
}

/** What a request tells of a device that is set up wrongly, though it was let in; undefined: nothing. */
export function requestWarning(target: string): string | undefined {
  if (target.startsWith('//')) return 'it doubles the slash of every path: its gateway.url ends with a slash';
  if (/^\/system_info\/config(\?|$)/.test(target)) {
    return 'it sends its whole configuration, the PIN of a token included: set report_config = false in [telemetry]';
  }
  return undefined;
}
