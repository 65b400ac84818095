import {
  type CheckReport,
  checkBundle,
  checkRoot,
  isRootFile,
  type JudgedBundle,
  registersDevices,
  tryGateway,
  tryLocally,
} from '../../check/index.ts';
import { systemClock } from '../../clock.ts';
import type { TargetName } from '../../policy/index.ts';
import { systemRandom } from '../../random.ts';
import { checkReportLines } from '../check-report.ts';
import { EXIT, type ExitStatus } from '../exit-status.ts';
import { readPassphraseFile } from '../files.ts';
import { readToldTrust, type ToldTrustOptions } from '../gateway/told-trust.ts';
import type { Invocation } from '../invocation.ts';
import { LocalFailure } from '../local-failure.ts';
import { show } from '../output.ts';
import { filesOfDevice, readBundleFiles } from '../read-bundle-files.ts';

export interface CheckOptions extends ToldTrustOptions {
  readonly target: TargetName;
  /** True: the bundle's own URL. */
  readonly gateway?: string | true;
  readonly mayRegister?: true;
  readonly device?: string;
  readonly passphraseFile?: string;
}

/** The gateway to call. Throws `usage` where there is none, or where calling it would register the device. */
function gatewayOf({ parts }: JudgedBundle, { gateway, target, mayRegister }: CheckOptions): URL {
  const text = gateway === true ? (parts.url?.url ?? '').trim() : String(gateway);
  if (!URL.canParse(text) || new URL(text).protocol !== 'https:') {
    const whose = gateway === true ? 'The bundle has no URL' : `${text} is no URL`;
    throw new LocalFailure('usage', `${whose} of the form https://host:port to call.`);
  }
  const url = new URL(text);
  if (!mayRegister && registersDevices(url, target)) {
    throw new LocalFailure(
      'usage',
      'OTA Connect takes an unknown device in at its first valid connection: a try would register this one.',
      { hint: 'add --may-register if it may, or try a test account' },
    );
  }
  return url;
}

async function told({ output }: Invocation, path: string, report: CheckReport): Promise<ExitStatus> {
  await show(output, { path, ...report }, checkReportLines);
  return report.verdict === 'pass' ? EXIT.done : EXIT.refusedByPolicy;
}

/** `check`: exit 3 where the bundle would not work, or the root would not be taken. */
export async function checkPath(
  invocation: Invocation,
  path: string,
  options: CheckOptions,
): Promise<ExitStatus> {
  const all = await readBundleFiles(path);
  const [only] = all;
  if (all.length === 1 && only && isRootFile(only)) {
    return told(invocation, path, checkRoot(only, options.target, systemClock.now()));
  }
  const files = filesOfDevice(all, options.device);
  const { trust, crls } = await readToldTrust(invocation, options);
  const passphrase =
    options.passphraseFile === undefined ? '' : await readPassphraseFile(options.passphraseFile);
  const { target, gateway } = options;
  const judged = checkBundle({ files, target, trust, crls, passphrase, now: systemClock.now() });
  const around = { clock: systemClock, random: systemRandom };
  const report = await (gateway === undefined
    ? tryLocally(judged, around)
    : tryGateway(judged, gatewayOf(judged, options), around));
  return told(invocation, path, report);
}
