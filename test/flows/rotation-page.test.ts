/**
 * docs/rotation.md and docs/forecast.md: every command that they show is run, and prints what they show. With
 * FLEETCA_TEST_PUT_ON_PAGE=1 what it prints is put there: look at the difference before it is committed.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { isShown, putOnPage, shownUnder, type } from '../support/console-page.ts';
import { makeDevice, makeFleet, makeToken, requestCertificate, type TestFleet } from '../support/fleet.ts';
import { freePort } from '../support/free-port.ts';
import { makeShop } from '../support/gateway-shop.ts';
import { type PullingGateway, publishedBy, startPullingGateway } from '../support/pulling-gateway.ts';
import { type Service, scratchFolder, startService, stopSound } from '../support/service.ts';

const DAY = 24 * 3_600_000;
const data = scratchFolder();
const work = scratchFolder();
const shop = makeShop();
let service: Service;
let fleet: TestFleet;
let gateway: PullingGateway;
let port: number;

/** Two days are on the page: the first is past, so that this process takes certificates for valid on both. */
const start = async (day: 1 | 2): Promise<void> => {
  service = await startService({ data, clockOffsetMs: day === 1 ? -DAY - 3_600_000 : 0 });
};

async function issue(...deviceIds: readonly string[]): Promise<void> {
  for (const deviceId of deviceIds) {
    const { csr } = makeDevice(deviceId);
    const answer = await requestCertificate(service, fleet, { body: csr });
    expect(answer.status, answer.text()).toBe(201);
  }
}

/** Runs what a page shows under a heading. */
async function follow(page: string, heading: string): Promise<void> {
  const here = (text: string) => text.replaceAll(`127.0.0.1:${port}`, 'gateway.example.com:8000');
  const env = {
    FLEETCA_URL: service.apiUrl,
    FLEETCA_DATA: data,
    FLEETCA_TOKEN_FILE: join(work, 'token'),
  };
  const apart: string[] = [];
  for (const shown of shownUnder(page, heading)) {
    const { status, out } = await type(shown, work, env);
    const printed = here(out);
    if (status === shown.status && isShown(shown.said, printed)) continue;
    if (process.env.FLEETCA_TEST_PUT_ON_PAGE) putOnPage(page, heading, shown, printed);
    else
      apart.push(
        `$ ${shown.command}\nhas status ${status} and prints\n${printed}and the page shows\n${shown.said}`,
      );
  }
  expect(apart.join('\n'), `docs/${page}, ${heading}`).toBe('');
}

afterAll(async () => {
  await gateway?.close();
  await stopSound(service);
});

it('a planned rotation goes as docs/rotation.md shows it, on its first day', async () => {
  port = await freePort();
  await start(1);
  fleet = await makeFleet(service, 'demo', {
    gatewayUrl: `https://127.0.0.1:${port}`,
    gatewayRoot: shop.serverRoot.pem,
  });
  const token = await makeToken(service, { name: 'page', role: 'security' });
  writeFileSync(join(work, 'token'), token, { mode: 0o600 });
  await issue('VIN-0001', 'VIN-0002', 'VIN-0003');
  await follow('rotation.md', '### The first day');
});

it('the forecast is told as docs/forecast.md shows it', () => follow('forecast.md', '## A fleet'));

it('the rotation goes on as docs/rotation.md shows it, on the next day, forth and back', async () => {
  await service.stop();
  await start(2);
  gateway = await startPullingGateway({
    ...{ name: 'own', port, everySeconds: 0.3, server: shop.server },
    source: publishedBy(service, 'demo'),
  });
  await follow('rotation.md', '### The next day');
  await issue('VIN-0004');
  await follow('rotation.md', '### When it has to go back');
  await follow('rotation.md', '### Weeks later');
});

it('a rehearsal says what docs/rotation.md shows', () => follow('rotation.md', '## Rehearsal'));

/** A fleet under another house's root, with the first generation of its authority; what the page has beside it. */
async function bringPartner(): Promise<void> {
  const json = { name: 'partner', target: 'generic' };
  await service.call('POST', '/v1/fleets', { token: service.admin, json });
  writeFileSync(
    join(work, 'ca.cnf'),
    'basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n',
  );
  const env = { FLEETCA_URL: service.apiUrl, FLEETCA_DATA: data, FLEETCA_TOKEN_FILE: join(work, 'token') };
  for (const command of [
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -keyout house-root.key -out house-root.crt -subj '/CN=House Root' -addext keyUsage=critical,keyCertSign,cRLSign",
    'fleetca authority import root --fleet partner --certificate house-root.crt',
    'fleetca authority csr line-1 --fleet partner --out first.csr',
    'openssl x509 -req -in first.csr -CA house-root.crt -CAkey house-root.key -days 1825 -extfile ca.cnf -out first.crt',
    'fleetca authority install line-1 first.crt --fleet partner',
  ]) {
    const { status, out } = await type({ command }, work, env);
    expect(status, `${command}\n${out}`).toBe(0);
  }
}

it('a key that another house certifies goes as docs/rotation.md shows it', async () => {
  await bringPartner();
  await follow('rotation.md', '## Runbook: keys from elsewhere');
});

it('an emergency goes as docs/rotation.md shows it', () => follow('rotation.md', '## When a key is lost'));
