import type { TLSSocket } from 'node:tls';
import express, { type Express } from 'express';
import helmet from 'helmet';
import {
  authenticateDevice,
  authenticateRegistration,
  type DevicePeer,
  type Registration,
  requesterOf,
  requesterOfPeer,
} from '../ca/index.ts';
import { isAllowed, notFound, type Requester, verifyAccess } from '../enrollment/index.ts';
import { PkiError } from '../errors.ts';
import { createAccessLog } from './access-log.ts';
import { authenticate } from './authenticate.ts';
import type { DeviceRoute, Edge, GuardedRoute, OpenRoute, RegistrationRoute } from './edge.ts';
import { STYLE_SOURCE } from './html.ts';
import { parseQuery } from './query.ts';
import { limitRate } from './rate-limits.ts';
import { refuse } from './refuse.ts';
import {
  deviceCertificateRoutes,
  guardedRoutes,
  openRoutes,
  publicRoutes,
  registrationRoutes,
} from './routes.ts';
import { type NextFunction, pathParameter, type Request, type Response } from './web.ts';

type Handler = (req: Request, res: Response, next: NextFunction) => void | Promise<void>;

/** What every listener does before it looks at the path. */
function createBase(edge: Edge, transport: 'https' | 'http'): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  // The peer is the source; what it says of other peers is not believed.
  app.set('trust proxy', false);
  app.set('case sensitive routing', true);
  app.set('query parser', parseQuery);
  app.use(createAccessLog(edge.log));
  app.use((req, res, next) => {
    // A connection whose answer began before the end was asked for must not stay open after it.
    res.once('finish', () => edge.isClosing() && req.socket.end());
    next();
  });
  app.use(
    helmet({
      contentSecurityPolicy: {
        useDefaults: false,
        directives: {
          defaultSrc: ["'none'"],
          styleSrc: [STYLE_SOURCE],
          baseUri: ["'none'"],
          formAction: ["'none'"],
          frameAncestors: ["'none'"],
        },
      },
      strictTransportSecurity:
        transport === 'https' ? { maxAge: 31_536_000, includeSubDomains: false } : false,
      referrerPolicy: { policy: 'no-referrer' },
    }),
  );
  app.use(limitRate(edge.rateLimit.requestsPerMinute, 'This source has made too many calls in a minute.'));
  return app;
}

/** Registers routes, and for each path what becomes of the methods that it does not know. */
function mount<R extends { method: 'get' | 'post' | 'put' | 'delete'; path: string }>(
  app: Express,
  routes: readonly R[],
  handlerOf: (route: R) => Handler,
): void {
  for (const path of new Set(routes.map((route) => route.path))) {
    const known = routes.filter((route) => route.path === path);
    const target = app.route(path);
    for (const route of known) target[route.method](handlerOf(route));
    const methods = known.flatMap(({ method }) =>
      method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()],
    );
    target.all(refuseMethod([...methods, 'OPTIONS'].join(', ')));
  }
}

const refuseMethod =
  (allow: string): Handler =>
  (req, res) => {
    res.set('Allow', allow);
    if (req.method !== 'OPTIONS') throw new PkiError('method-not-allowed', `This path knows ${allow}.`);
    res.status(204).end();
  };

/** How clients prove who they are, and what a refusal asks them for (RFC 9110, 11.6.1). */
interface Proof {
  readonly what: string;
  readonly challenge: string;
}

const BY_TOKEN: Proof = { what: 'tokens', challenge: 'Bearer realm="fleetca"' };
/**
 * A challenge is due with every 401 (RFC 9110, 15.5.2), and no registered scheme means TLS. A name of our
 * own at least sends nobody to look for a token.
 */
const BY_CERTIFICATE: Proof = {
  what: 'client certificates',
  challenge: 'ClientCertificate realm="fleetca"',
};

/** Lets `admit` give who asks to what follows. */
function authenticateCalls(
  { rateLimit }: Edge,
  { what, challenge }: Proof,
  admit: (req: Request, res: Response) => Promise<void>,
): Handler {
  // Only failures count, and only they are refused: 256 random bits are not guessed at any rate, and a
  // station must not be locked out by whoever shares its address.
  const limitFailures = limitRate(
    rateLimit.failuresPerMinute,
    `This source has sent too many ${what} that are not valid.`,
  );
  return async (req, res, next) => {
    try {
      await admit(req, res);
    } catch (failure) {
      if (!(failure instanceof PkiError) || failure.code !== 'unauthenticated') throw failure;
      res.locals.challenge = challenge;
      await limitFailures(req, res, (limited?: unknown) => next(limited ?? failure));
      return;
    }
    res.set('Cache-Control', 'no-store');
    next();
  };
}

/** Whose token it is. */
const admitToken =
  ({ tokens, ca }: Edge) =>
  async (req: Request, res: Response): Promise<void> => {
    res.locals.requester = await authenticate(tokens, req.headers.authorization, ca.clock.now());
  };

/** The certificate that the peer has shown; that it has the key, TLS has proven. Refuses `unauthenticated`. */
function shownBy(req: Request, due: string): Uint8Array {
  const { raw } = (req.socket as TLSSocket).getPeerCertificate();
  if (raw) return raw;
  throw new PkiError('unauthenticated', `A client certificate is due: ${due}.`);
}

/** Whose registration credentials they are. */
const admitRegistration =
  ({ ca }: Edge) =>
  async (req: Request, res: Response): Promise<void> => {
    const raw = shownBy(req, 'that of registration credentials');
    const registration = await authenticateRegistration(ca, raw, ca.clock.now());
    const fleet = await ca.ledger.findFleetById(registration.fleetId);
    if (!fleet) throw new Error('the fleet of registration credentials is not there');
    res.locals.registration = registration;
    res.locals.requester = requesterOf(registration, fleet);
  };

/** Which device it is. That its certificate was seen is noted where something waits for it. */
const admitDevice =
  ({ ca, lists }: Edge) =>
  async (req: Request, res: Response): Promise<void> => {
    const now = ca.clock.now();
    const peer = await authenticateDevice(ca, shownBy(req, 'that of the device'), now);
    const { fingerprint, revokeOld, seenAt } = peer.certificate;
    const requester = requesterOfPeer(peer);
    if (revokeOld === 'after-handshake' && seenAt === null) {
      const { revoked } = await ca.devices.recordSeen({ at: now, actor: actorOf(requester) }, fingerprint);
      if (revoked > 0) lists.soon();
    }
    res.locals.peer = peer;
    res.locals.requester = requester;
  };

const actorOf = ({ id }: Requester) => ({ kind: 'device', id, role: 'device' }) as const;

function verifyRouteAccess(route: GuardedRoute, requester: Requester, req: Request): void {
  const { permission, scope, what } = route;
  // The role alone: the fleet of a record is judged when it is known.
  if (scope === 'record') {
    if (!isAllowed(requester, permission, requester.fleet)) throw notFound(what, requester.role);
    return;
  }
  verifyAccess(requester, permission, scope === 'fleet' ? pathParameter(req, 'fleet') : null, what);
}

const guard =
  (edge: Edge) =>
  (route: GuardedRoute): Handler =>
  async (req, res) => {
    const requester: Requester = res.locals.requester;
    verifyRouteAccess(route, requester, req);
    const act = {
      at: edge.ca.clock.now(),
      actor: { kind: 'token', id: requester.id, role: requester.role },
    } as const;
    await route.handle({ edge, req, res, requester, act });
  };

const registered =
  (edge: Edge) =>
  (route: RegistrationRoute): Handler =>
  async (req, res) => {
    const registration: Registration = res.locals.registration;
    const requester: Requester = res.locals.requester;
    const actor = { kind: 'registration', id: registration.id, role: 'registration' } as const;
    const act = { at: edge.ca.clock.now(), actor };
    await route.handle({ edge, req, res, requester, act, registration });
  };

const asDevice =
  (edge: Edge) =>
  (route: DeviceRoute): Handler =>
  async (req, res) => {
    const requester: Requester = res.locals.requester;
    const peer: DevicePeer = res.locals.peer;
    const act = { at: edge.ca.clock.now(), actor: actorOf(requester) };
    await route.handle({ edge, req, res, requester, act, peer });
  };

const open =
  (edge: Edge) =>
  (route: OpenRoute): Handler =>
  (req, res) =>
    route.handle(edge, req, res);

const refusePath: Handler = () => {
  throw new PkiError('not-found', 'There is nothing at this path.');
};

/** The API: the open routes, and behind a valid token all others. */
export function createApi(edge: Edge): Express {
  const app = createBase(edge, 'https');
  mount(app, openRoutes, open(edge));
  app.use(authenticateCalls(edge, BY_TOKEN, admitToken(edge)));
  mount(app, guardedRoutes, guard(edge));
  app.use(refusePath);
  app.use(refuse);
  return app;
}

/** The mutual-TLS site, for peers whose certificate is on record. */
export function createMutualSite(edge: Edge): Express {
  const app = createBase(edge, 'https');
  // Paths of devices that have a certificate, and then all others: for devices that register.
  const paths = deviceCertificateRoutes.map(({ path }) => path);
  app.use(paths, authenticateCalls(edge, BY_CERTIFICATE, admitDevice(edge)));
  mount(app, deviceCertificateRoutes, asDevice(edge));
  app.use(authenticateCalls(edge, BY_CERTIFICATE, admitRegistration(edge)));
  mount(app, registrationRoutes, registered(edge));
  app.use(refusePath);
  app.use(refuse);
  return app;
}

/** The plain HTTP site for relying parties: `/pki` and nothing else. */
export function createPublicSite(edge: Edge): Express {
  const app = createBase(edge, 'http');
  mount(app, publicRoutes, open(edge));
  app.use(refusePath);
  app.use(refuse);
  return app;
}
