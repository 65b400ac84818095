import { parsePem } from '../../asn1/index.ts';
import { checkBundle } from '../../check/index.ts';
import { systemClock } from '../../clock.ts';
import type { TargetName } from '../../policy/index.ts';
import { type ForeignCertificate, parseForeignCertificate } from '../../x509/index.ts';
import { checkReportLines } from '../check-report.ts';
import { EXIT, type ExitStatus } from '../exit-status.ts';
import { readPassphraseFile, readTextFile } from '../files.ts';
import type { Invocation } from '../invocation.ts';
import { LocalFailure } from '../local-failure.ts';
import { show } from '../output.ts';
import { filesOfDevice, readBundleFiles } from '../read-bundle-files.ts';

export interface CheckOptions {
  readonly target: TargetName;
  readonly trust?: string;
  readonly device?: string;
  readonly passphraseFile?: string;
}

/** What a gateway trusts, from a PEM file. Rejects with `usage`. */
async function readTrust(path: string): Promise<readonly ForeignCertificate[]> {
  const blocks = parsePem(await readTextFile(path)).filter(({ label }) => label === 'CERTIFICATE');
  if (blocks.length === 0) throw new LocalFailure('usage', `${path} holds no certificate in PEM form.`);
  return blocks.map(({ der }) => parseForeignCertificate(der));
}

/** `check`: exit 3 where the bundle would not work. */
export async function checkPath(
  invocation: Invocation,
  path: string,
  options: CheckOptions,
): Promise<ExitStatus> {
  const files = filesOfDevice(await readBundleFiles(path), options.device);
  const trust = options.trust === undefined ? null : await readTrust(options.trust);
  const passphrase =
    options.passphraseFile === undefined ? '' : await readPassphraseFile(options.passphraseFile);
  const { report } = checkBundle({
    files,
    target: options.target,
    trust,
    passphrase,
    now: systemClock.now(),
  });
  await show(invocation.output, { path, ...report }, checkReportLines);
  return report.verdict === 'pass' ? EXIT.done : EXIT.refusedByPolicy;
}
