/**
 * What the service shows its clients: certificate and key of its own, from its own CA or from the operator's
 * files, at a start and when they are due again. Part of the composition root, and nobody else imports it.
 */
import { existsSync } from 'node:fs';
import { readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parsePem } from './asn1/index.ts';
import type { Act, AuditLog, ServiceAction, Signer } from './ca/index.ts';
import { systemClock } from './clock.ts';
import type { Config } from './config/index.ts';
import { type Opened, openKey, StartRefusal } from './data-folder.ts';
import {
  encodeServiceCa,
  isCaRenewalDue,
  isRenewalDue,
  makeServiceCa,
  makeTlsCredentials,
  type RecordServiceIntent,
  readServiceCa,
  readTlsCredentials,
  type ServiceCa,
  type TlsCredentials,
} from './http/index.ts';
import { writeSecretFile } from './keystore/index.ts';
import { systemRandom } from './random.ts';

const SERVICE_CA_KEY = 'service-ca';
const SERVICE_CA_FILE = 'service-ca.crt';

/** An act of the service's own, now. */
export const serviceAct = (): Act => ({
  at: systemClock.now(),
  actor: { kind: 'service', id: 'service', role: 'service' },
});

/** Writes down what the service CA's key is about to sign. */
const recordIntent =
  (
    log: AuditLog,
    act: Act,
    action: ServiceAction,
    details: Readonly<Record<string, readonly string[]>>,
  ): RecordServiceIntent =>
  ({ serial, tbsDigest, notAfter }) =>
    log.recordServiceAct(act, action, { serial, tbsDigest, notAfter: notAfter.toISOString(), ...details });

async function openServiceCa(opened: Opened, config: Config): Promise<ServiceCa> {
  const { keystore, created, passphraseOrigin } = opened;
  const path = join(config.keysFolder, SERVICE_CA_FILE);
  const hasKey = await keystore.has(SERVICE_CA_KEY);
  const hasCertificate = existsSync(path);
  if (hasCertificate && !hasKey) {
    throw new StartRefusal(
      `${path} is there, but its key ${SERVICE_CA_KEY}.pem is not. Put it back; or remove ${path}, and give every client the new one.`,
    );
  }
  const signer = hasKey
    ? await openKey(keystore, SERVICE_CA_KEY, passphraseOrigin)
    : await keystore.generate(SERVICE_CA_KEY, 'ec-p256');
  if (hasCertificate) {
    const ders = parsePem(await readFile(path, 'latin1')).map(({ der }) => der);
    const ca = readServiceCa(ders, signer);
    return isCaRenewalDue(ca, systemClock.now()) ? keepServiceCa(opened, signer, path, ca) : ca;
  }
  const ca = await keepServiceCa(opened, signer, path, null);
  created.push(`the service's own CA, which clients trust: ${path}`);
  return ca;
}

/** Makes the CA's certificate, or renews it, and keeps it where clients find it. Written beside and renamed. */
async function keepServiceCa(
  { store }: Opened,
  signer: Signer,
  path: string,
  current: ServiceCa | null,
): Promise<ServiceCa> {
  const act = serviceAct();
  const record = recordIntent(store, act, 'service-ca-intent-recorded', {});
  const before = current ? [current.certificate, ...current.before] : [];
  const ca = await makeServiceCa(signer, systemRandom, act.at, record, before);
  const { serial, notAfter } = ca.certificate;
  await store.recordServiceAct(act, current ? 'service-ca-renewed' : 'service-ca-created', {
    serial: Buffer.from(serial).toString('hex'),
    notAfter: notAfter.toISOString(),
  });
  const beside = `${path}.new`;
  await rm(beside, { force: true });
  await writeSecretFile(beside, encodeServiceCa(ca));
  await rename(beside, path);
  return ca;
}

const isAnyAddress = (host: string): boolean => /^(0\.0\.0\.0|::)$/.test(host);

/** The names that clients reach the service by: those configured, and the addresses that it listens on. */
const serverNames = ({ api, mutual }: Config): readonly string[] => {
  const hosts = mutual.port === 'off' ? [api.host] : [api.host, mutual.host];
  return [...new Set([...api.names, ...hosts.filter((host) => !isAnyAddress(host))])];
};

async function ownCredentials(opened: Opened, ca: ServiceCa, config: Config): Promise<TlsCredentials> {
  const act = serviceAct();
  const names = serverNames(config);
  const record = recordIntent(opened.store, act, 'service-certificate-intent-recorded', { names });
  const credentials = await makeTlsCredentials(ca, names, systemRandom, act.at, record);
  await opened.store.recordServiceAct(act, 'service-certificate-issued', {
    serial: credentials.serial ?? '',
    names,
    notAfter: credentials.notAfter.toISOString(),
  });
  return credentials;
}

/** What is shown first, and what takes its place. */
export interface OwnCredentials {
  readonly first: TlsCredentials;
  readonly renew: (current: TlsCredentials, now: Date) => Promise<TlsCredentials>;
  readonly caFile: string | null;
}

/** Opens, or makes, what the service shows. Rejects with `StartRefusal`. */
export async function openCredentials(opened: Opened, config: Config): Promise<OwnCredentials> {
  const { tls } = config;
  if (tls) {
    const read = async (now: Date): Promise<TlsCredentials> => {
      try {
        return await readTlsCredentials(tls, now);
      } catch (cause) {
        throw new StartRefusal((cause as Error).message, { cause });
      }
    };
    return {
      first: await read(systemClock.now()),
      // The operator renews; we look whether the files have changed.
      renew: async (current, now) => {
        const next = await read(now);
        return next.certificate === current.certificate && next.key === current.key ? current : next;
      },
      caFile: null,
    };
  }
  const caFile = join(config.keysFolder, SERVICE_CA_FILE);
  let ca = await openServiceCa(opened, config);
  return {
    first: await ownCredentials(opened, ca, config),
    renew: async (current, now) => {
      const isDue = isCaRenewalDue(ca, now);
      if (isDue) ca = await keepServiceCa(opened, ca.signer, caFile, ca);
      return isDue || isRenewalDue(current, now) ? ownCredentials(opened, ca, config) : current;
    },
    caFile,
  };
}
