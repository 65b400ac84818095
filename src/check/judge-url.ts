import { gatewayUrlFault } from '../ca/index.ts';
import type { Parts } from './find-parts.ts';
import { type Finding, fail, warn } from './finding.ts';
import { settingOf } from './read-configuration.ts';

/** The gateway's URL as the device will have it, line end and all; null where the bundle says none. */
export function urlOf({
  url,
  configuration,
}: Parts): { readonly text: string; readonly file: string } | null {
  if (url !== null) return { text: url.url ?? '', file: url.path };
  const settings = configuration?.configuration ?? null;
  const text = settingOf(settings, 'tls', 'server') ?? settingOf(settings, 'provision', 'server');
  return text === null || configuration === null ? null : { text, file: configuration.path };
}

function missing({ configuration, forAktualizr }: Parts): readonly Finding[] {
  const settings = configuration?.configuration ?? null;
  // Said of a file that is not there: `config-names-missing-file` tells.
  if (settingOf(settings, 'tls', 'server_url_path') !== null) return [];
  if (configuration !== null)
    return [fail('url-missing', null, 'Nothing in the bundle says where the gateway is.')];
  return forAktualizr
    ? [warn('url-missing', null, "Nothing in the bundle says where the gateway is: the device's image must.")]
    : [];
}

/** As Windows' editors begin a file. JavaScript takes it for white space, and no client does. */
const BYTE_ORDER_MARK = '\uFEFF';

function textFinding(text: string, file: string): Finding | undefined {
  if (text.startsWith(BYTE_ORDER_MARK))
    return fail(
      'url-malformed',
      file,
      'The file begins with a byte order mark (EF BB BF), which becomes part of the URL.',
    );
  const bare = text.trim();
  if (bare === '') return fail('url-missing', file, 'The file is empty.');
  if (/^http:/i.test(bare))
    return fail(
      'url-http',
      file,
      'The URL begins with http: the client connects without any TLS, and reports success.',
    );
  if (bare.endsWith('/') && gatewayUrlFault(bare.slice(0, -1)) === undefined)
    return fail(
      'url-slash',
      file,
      'The URL ends with a slash, and paths are appended to it: //director/ecus is 404 at most routers.',
    );
  const fault = gatewayUrlFault(bare);
  // What stands before an @ may be a password.
  const shown = bare.includes('@') ? 'The URL' : `${JSON.stringify(bare.slice(0, 120))}`;
  return fault === undefined ? undefined : fail('url-malformed', file, `${shown} ${fault}.`);
}

/** The gateway's URL. */
export function judgeUrl(parts: Parts): readonly Finding[] {
  const url = urlOf(parts);
  if (url === null) return missing(parts);
  const fault = textFinding(url.text, url.file);
  if (fault !== undefined) return [fault];
  return url.text === url.text.trim()
    ? []
    : [
        warn(
          'url-line-end',
          url.file,
          'There is white space round the URL: aktualizr takes it off, other clients do not.',
        ),
      ];
}
