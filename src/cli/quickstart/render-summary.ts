import { shellPath } from '../../file-mode.ts';
import { packageRoot } from '../../package-root.ts';
import type { RefusedCount, Summary } from './summary.ts';

/** More than these would push the rest off the screen; all stand in summary.json. */
const MOST_PROBLEMS = 20;

const row = (label: string, text: string, width = 14): string => `  ${label.padEnd(width)}${text}`;

function heading({ held, problems }: Summary): readonly string[] {
  if (held) return ['The quickstart is done. Everything was as planned.'];
  const shown = problems.slice(0, MOST_PROBLEMS).map((problem) => `  - ${problem}`);
  const more = problems.length - shown.length;
  return [
    `The quickstart is done, and NOT everything was as planned (${problems.length}):`,
    ...shown,
    ...(more > 0 ? [`  - and ${more} more, in summary.json`] : []),
  ];
}

function results({ rows, issued, refused, seconds, handshakes, ...summary }: Summary): readonly string[] {
  const { devices, calls, letIn, boots, online, impostorCalls, impostorsRefused } = handshakes;
  return [
    row('Requests', `${rows} sent, ${issued} issued, ${refused} refused`),
    row(
      'Speed',
      `${summary.certificatesPerSecond} certificates a second (${issued} in ${seconds.toFixed(2)} s)`,
    ),
    row('Chains', `${summary.chainsChecked} devices checked up to the fleet root alone, each with its key`),
    row('Handshakes', `${letIn} of ${calls} let in (${devices} devices, TLS 1.2 and 1.3)`),
    row('', `${online} of ${boots} devices online after the calls of a first boot`),
    row('', `${impostorsRefused} of ${impostorCalls} by impostors refused`),
  ];
}

/** One line a fault; the code stands at its first. */
const refusedLines = ({ code, faults }: RefusedCount): readonly string[] =>
  faults.map(
    ({ title, count }, i) => `${String(count).padStart(5)}  ${(i === 0 ? code : '').padEnd(23)}${title}`,
  );

const refusals = ({ refusedByCode }: Summary): readonly string[] => [
  'Refused, and why (faults that the demo factory made on purpose):',
  ...refusedByCode.flatMap(refusedLines),
];

const files = ({ out }: Summary): readonly string[] => [
  `Files, in ${shellPath(out)}:`,
  row('fleet-root.pem', 'what the OTA server or gateway must trust', 18),
  row('trust-bundle.pem', 'the same and the issuing CAs, for devices that send no intermediates', 18),
  row('devices/', "a folder for each device; its files go to the device's /var/sota/import", 18),
  row('refused.ndjson', 'each refused row with its reason', 18),
  row('summary.json', 'this summary', 18),
];

const service = ({ fleet, publicUrl, ...summary }: Summary): readonly string[] => [
  'The service:',
  row('API', summary.apiUrl),
  row('Public pages', publicUrl === null ? 'off' : `${publicUrl}/pki/${fleet}/`),
  row('Clients trust', summary.caFile ?? "the operator's own certificate"),
  row('', `SHA-256 ${summary.fingerprint}`),
  row('Fleet root', `SHA-256 ${summary.fleetRootFingerprint}`),
  row('Admin token', `cat ${shellPath(summary.adminTokenFile)}`),
];

const callCommand = (bundle: string, gatewayUrl: string): readonly string[] => [
  '  # a device calls the demo gateway with its bundle, and is told its own ID',
  `  cd ${shellPath(bundle)} && curl --cacert root.crt --cert client.pem --key pkey.pem ${gatewayUrl}/`,
];

function commands(summary: Summary): readonly string[] {
  const { caFile, adminTokenFile, apiUrl, fleet, out, gatewayUrl, exampleBundle } = summary;
  const curl = caFile === null ? 'curl' : `curl --cacert ${shellPath(caFile)}`;
  const bearer = `-H "Authorization: Bearer $(cat ${shellPath(adminTokenFile)})"`;
  const station = JSON.stringify({ name: 'my-station', role: 'station', fleet, validityDays: 30 });
  return [
    'Next, in another terminal:',
    "  # the fleet root's fingerprint, to compare before anybody trusts it",
    `  ${curl} ${apiUrl}/pki/${fleet}/fingerprint.txt`,
    '  # the authorities of the fleet',
    `  ${curl} ${bearer} ${apiUrl}/v1/fleets/${fleet}/authorities`,
    '  # a token for a station of your own; it is shown this once',
    `  ${curl} ${bearer} -H 'Content-Type: application/json' -d '${station}' ${apiUrl}/v1/tokens`,
    ...(exampleBundle === null ? [] : callCommand(`${out}/${exampleBundle}`, gatewayUrl)),
  ];
}

function farewell({ data }: Summary): readonly string[] {
  const flag = data === packageRoot ? '' : ` -- --data ${shellPath(data)}`;
  return ['The service has ended. To run it again on the same data:', `  npm start${flag}`];
}

/** What a person reads at the end; `next` is what the service does after it. */
export function renderSummary(summary: Summary, next: 'ends' | 'runs-on'): string {
  const last = next === 'ends' ? farewell(summary) : commands(summary);
  return [heading(summary), results(summary), refusals(summary), files(summary), service(summary), last]
    .map((part) => part.join('\n'))
    .join('\n\n');
}
