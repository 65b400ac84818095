import type { ConfigFile, GatewayConfigWish } from './config-wish.ts';
import { reloadHook } from './reload-hook.ts';
import { TRUST_FILE, trustFiles } from './trust-file-set.ts';

/** A line of a crt-list: so that CRLs can come and go without a change of the configuration. */
const clientsLine = (at: string, crls: 'with CRLs' | 'without'): string => {
  const crlFile = crls === 'with CRLs' ? ` crl-file ${at}/crls.pem` : '';
  return `${at}/server.pem [verify required ca-file ${at}/${TRUST_FILE}${crlFile} ssl-min-ver TLSv1.2]`;
};

/** HAProxy may serve several fleets, each at a port of its own. */
const portOf = (listen: string): string => listen.replace(/^.*:/, '');

const haproxyCfg = ({
  at,
  listen,
  upstream,
}: GatewayConfigWish): string => `# A device gateway. Its own certificate and key, server.pem, are yours to put there: devices have its root as root.crt.
global
    # A resumed session is not verified again: a device that was revoked would come back by it.
    tune.ssl.cachesize 0

defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    timeout http-request 10s

frontend devices-${portOf(listen)}
    bind ${listen.includes(':') ? listen : `:${listen}`} ssl crt-list ${at}/clients.list no-tls-tickets
    # The first CN, as it stands; where a subject has other attributes before it, ota-ce's nginx takes another ID.
    http-request deny deny_status 400 unless { ssl_c_s_dn(CN) -m found }
    # A client cannot bring these headers: they are replaced.
    http-request set-header x-ats-device-uuid %[ssl_c_s_dn(CN)]
    http-request set-header x-ats-namespace default
    http-request deny deny_status 404 unless { path_beg /director/ /repo/ /treehub/ /campaigner/ /system_info /core/ /events }
    default_backend ota-${portOf(listen)}

backend ota-${portOf(listen)}
    server ota ${upstream.replace(/^http:\/\//, '').replace(/^([^:]*)$/, '$1:80')}
`;

export function haproxyFiles(wish: GatewayConfigWish): readonly ConfigFile[] {
  const { at, trust } = wish;
  const line = clientsLine(at, trust.crls.length > 0 ? 'with CRLs' : 'without');
  const hook = reloadHook(wish, {
    program: 'HAProxy',
    check: `haproxy -c -q -f ${at}/haproxy.cfg`,
    reload: 'systemctl reload haproxy',
    include: {
      file: 'clients.list',
      withCrls: clientsLine(at, 'with CRLs'),
      without: clientsLine(at, 'without'),
    },
  });
  return [
    { name: 'haproxy.cfg', mode: 0o644, content: haproxyCfg(wish) },
    { name: 'clients.list', mode: 0o644, content: `${line}\n` },
    ...trustFiles(wish),
    { name: 'reload.sh', mode: 0o755, content: hook },
  ];
}
