import type { BatchStore } from '../batch/index.ts';
import type {
  Act,
  AuditLog,
  CaContext,
  DevicePeer,
  Fleet,
  IssueTogether,
  Registration,
  RenewalTerms,
  RotationTerms,
} from '../ca/index.ts';
import type { KeyMaker, Permission, Requester, TokenStore } from '../enrollment/index.ts';
import type { PkiError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics/index.ts';
import type { OutgoingStore, Reach, Seal } from '../outgoing/index.ts';
import type { InFlight } from './in-flight.ts';
import type { Spool } from './spool.ts';
import type { Request, Response } from './web.ts';

/** Makes CRLs anew where they are due. */
interface ListKeeper {
  /** Those of a fleet. Resolves when that was tried; a failure is logged, and tried again. */
  look(fleet: Fleet): Promise<void>;
  /** Those of all fleets, a moment from now. */
  soon(): void;
}

/** What the routes work with. One a process. */
export interface Edge {
  readonly ca: CaContext;
  readonly issueTogether: IssueTogether;
  /** Keys that are made in this thread: few. */
  readonly makeKey: KeyMaker;
  readonly tokens: TokenStore;
  readonly batches: BatchStore;
  readonly spool: Spool;
  readonly audit: AuditLog;
  /** What makes CRLs after something was revoked. */
  readonly lists: ListKeeper;
  /** Whom the service calls, whom it may, and how their secrets are kept. */
  readonly outgoing: OutgoingStore;
  readonly reach: Reach;
  readonly seal: Pick<Seal, 'seal'>;
  readonly rotation: RotationTerms;
  /** What a monitor reads. */
  readonly metrics: Pick<Metrics, 'expose'>;
  readonly log: Logger;
  /** Work that may outlive the answer it belongs to. */
  readonly inFlight: InFlight;
  /** When devices may renew. */
  readonly renewal: RenewalTerms;
  /** For one source, in a minute. */
  readonly rateLimit: { readonly requestsPerMinute: number; readonly failuresPerMinute: number };
  /** Hosts of gateways, with their ports, that a check may call; as `URL.host` writes them. */
  readonly gateways: readonly string[];
  /** How long a body may stand still before the client is cut off, milliseconds. */
  readonly idleBodyMs: number;
  /** The CAs, DER, by which clients know the service as it presents itself now. */
  serverAuthorities(): readonly Uint8Array[];
  /** Why keys in the token cannot sign now; null: they can, or there is no token. */
  tokenProblem(): PkiError | null;
  /** True from the moment at which the service is asked to end. */
  isClosing(): boolean;
}

/** One call by a requester whose token was verified. */
export interface Call {
  readonly edge: Edge;
  readonly req: Request;
  readonly res: Response;
  readonly requester: Requester;
  /** Who, and the time at which the call is judged. */
  readonly act: Act;
}

type Method = 'get' | 'post' | 'put' | 'delete';

/** A route that anyone may call. */
export interface OpenRoute {
  readonly method: Method;
  readonly path: string;
  readonly handle: (edge: Edge, req: Request, res: Response) => void | Promise<void>;
}

/** One call by a device that registers: the certificate that it has shown is on record. */
export interface RegistrationCall extends Call {
  readonly registration: Registration;
}

/** A route for devices that register. */
export interface RegistrationRoute {
  readonly method: Method;
  readonly path: string;
  readonly handle: (call: RegistrationCall) => Promise<void>;
}

/** One call by a device: the certificate that it has shown is one of its own, on record. */
export interface DeviceCall extends Call {
  readonly peer: DevicePeer;
}

/** A route for devices, by the certificate that they have. */
export interface DeviceRoute {
  readonly method: Method;
  readonly path: string;
  readonly handle: (call: DeviceCall) => Promise<void>;
}

/**
 * A route that needs a token with a permission, which is judged before the handler runs: in the fleet
 * that the path names (`fleet`), or in the service as a whole (`service`). For a `record`, whose fleet
 * is known only when it was found, the role is judged before and the fleet by the handler.
 */
export interface GuardedRoute {
  readonly method: Method;
  readonly path: string;
  readonly permission: Permission;
  readonly scope: 'service' | 'fleet' | 'record';
  /** What a refusal calls the thing: `There is no such …`. */
  readonly what: string;
  readonly handle: (call: Call) => void | Promise<void>;
}
