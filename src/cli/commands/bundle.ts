import { segment, withClient } from '../client/client.ts';
import { readWhole } from '../client/json.ts';
import { readPassphraseFile, saveFile } from '../files.ts';
import { fillPin, verifyPin } from '../fill-pin.ts';
import type { Invocation } from '../invocation.ts';
import { LocalFailure } from '../local-failure.ts';
import { once } from '../once.ts';
import { sayWarnings, show } from '../output.ts';
import { readWarnings } from '../read-warnings.ts';

interface BundleOptions {
  readonly fleet: string;
  readonly layout: string;
  readonly out?: string;
  readonly pinFile?: string;
}

/** The PIN goes into a file here: the service never learns it. */
async function readPin({ layout, pinFile }: BundleOptions): Promise<string | undefined> {
  if (pinFile === undefined) return undefined;
  if (layout !== 'hsm') throw new LocalFailure('usage', '--pin-file is for --layout hsm.');
  return verifyPin(await readPassphraseFile(pinFile));
}

/** `bundle`: the zip to a file or to stdout. */
export async function fetchBundle(
  invocation: Invocation,
  deviceId: string,
  options: BundleOptions,
): Promise<undefined> {
  const { output } = invocation;
  const { fleet, layout, out } = options;
  if (out === undefined && (output.stdoutIsTerminal || output.json)) {
    throw new LocalFailure('usage', 'A zip is no text: say where it goes with --out.');
  }
  const pin = await readPin(options);
  const path = `/v1/fleets/${segment(fleet)}/devices/${segment(deviceId)}/bundle`;
  const warnings = await withClient(invocation, async (client) => {
    const answer = await client.send({ method: 'GET', path, query: { layout } });
    const whole = await readWhole(client, answer);
    const zip = pin === undefined ? whole : await fillPin(whole, pin);
    await (out === undefined ? output.data(zip) : saveFile(out, 0o600, once(zip)));
    return readWarnings(answer);
  });
  sayWarnings(output, warnings);
  if (out === undefined) return;
  await show(output, { fleet, deviceId, layout, out, warnings }, () => '');
  if (!output.json) output.say(`The bundle of ${deviceId}: ${out}`);
}
