import { encodePem } from '../asn1/index.ts';
import type { StoredCertificate } from '../ca/index.ts';
import { type Answer, CallFailure, type Line } from './call.ts';
import { ARRIVED, failed, type Outcome } from './outcome.ts';
import type { RegistrySettings } from './ports.ts';

/** A device registry, as ota-community-edition has it. */
export interface RegistryServer {
  /** What `/api/v1/devices` is appended to. */
  readonly url: string;
  readonly settings: RegistrySettings;
  /** Sent as a bearer token; null: none. */
  readonly token: string | null;
}

const MOST_NAME = 200;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Faults of what was sent: the same again changes nothing. */
const OURS = [400, 409, 413, 422];

const headersOf = ({ settings, token }: RegistryServer) => ({
  accept: 'application/json',
  'x-ats-namespace': settings.namespace,
  ...(token === null ? {} : { authorization: `Bearer ${token}` }),
});

/** What its errors are called in ota-ce: `{"code": "missing_device", …}`. */
function errorCode(body: Buffer): string {
  try {
    const { code } = JSON.parse(body.toString('utf8')) ?? {};
    return typeof code === 'string' && /^[\w.-]{1,64}$/.test(code) ? ` (${code})` : '';
  } catch {
    return '';
  }
}

function refusalOf({ status, body, waitMs }: Answer): Outcome {
  const code = errorCode(body);
  if (status >= 300 && status < 400)
    return failed(`The registry answers with a redirect (${status}), which is not followed.`, 'later');
  return failed(`The registry answers ${status}${code}.`, OURS.includes(status) ? 'never' : 'later', {
    waitMs,
  });
}

/** What may stand in an answer of 200: the UUID, as a JSON string. */
function judgeUuid(body: Buffer, uuid: string): Outcome {
  let answer: unknown;
  try {
    answer = JSON.parse(body.toString('utf8'));
  } catch {
    answer = undefined;
  }
  if (answer === uuid) return ARRIVED;
  if (typeof answer === 'string' && UUID.test(answer))
    return failed(
      `The registry knows the device by another UUID, ${answer}: what it sends to that one, this device never gets.`,
      'never',
    );
  return failed('The registry answers with something that is no UUID.', 'later');
}

const labelOf = ({ labels }: StoredCertificate, name: string | null): string | undefined => {
  const all: Readonly<Record<string, string>> = labels === null ? {} : JSON.parse(labels);
  return name !== null && Object.hasOwn(all, name) ? all[name] : undefined;
};

const said = async (trying: Promise<Outcome>): Promise<Outcome> => {
  try {
    return await trying;
  } catch (failure) {
    if (failure instanceof CallFailure) return failed(failure.message, 'later', failure);
    throw failure;
  }
};

/**
 * Registers a device with its certificate. The registry keeps the credentials that came last for a `deviceId`,
 * and passes over a `uuid` that has changed: an answer other than the common name is a failure.
 */
export function putDevice(
  line: Line,
  server: RegistryServer,
  certificate: StoredCertificate,
): Promise<Outcome> {
  const { deviceId: uuid } = certificate;
  const { settings } = server;
  const deviceName = labelOf(certificate, settings.deviceNameLabel) ?? uuid;
  if (!UUID.test(uuid)) return Promise.resolve(failed('The device ID is no lower-case UUID.', 'never'));
  if ([...deviceName].length > MOST_NAME)
    return Promise.resolve(failed(`The deviceName has more than ${MOST_NAME} characters.`, 'never'));
  const body = {
    uuid,
    deviceId: labelOf(certificate, settings.deviceIdLabel) ?? uuid,
    deviceName,
    deviceType: settings.deviceType,
    credentials: encodePem('CERTIFICATE', certificate.der),
    credentialsType: 'PEM',
  };
  return said(
    line
      .call({
        url: new URL(`${server.url}/api/v1/devices`),
        method: 'PUT',
        headers: { ...headersOf(server), 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
      .then((answer) =>
        answer.status === 200 || answer.status === 201 ? judgeUuid(answer.body, uuid) : refusalOf(answer),
      ),
  );
}

/** Drops a device. One that is not there is dropped already. */
export const deleteDevice = (line: Line, server: RegistryServer, uuid: string): Promise<Outcome> =>
  said(
    line
      .call({
        url: new URL(`${server.url}/api/v1/devices/${encodeURIComponent(uuid)}`),
        method: 'DELETE',
        headers: headersOf(server),
      })
      .then((answer) => ([200, 202, 204, 404].includes(answer.status) ? ARRIVED : refusalOf(answer))),
  );
