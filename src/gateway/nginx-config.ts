import type { ConfigFile, GatewayConfigWish } from './config-wish.ts';
import { reloadHook } from './reload-hook.ts';
import { TRUST_FILE, trustFiles } from './trust-file-set.ts';

const crlDirective = (at: string): string => `ssl_crl ${at}/crls.pem;`;
const NO_CRL = '# No CRL is published.';

/** For the `server` block of a gateway that is there already. */
const clientsConf = (
  at: string,
): string => `# Who may come, and who that is. Include this in the server block of the gateway.
ssl_protocols TLSv1.2 TLSv1.3;
ssl_verify_client on;
ssl_verify_depth 10;
ssl_client_certificate ${at}/${TRUST_FILE};
# ssl_crl where the fleet publishes CRLs; reload.sh keeps it.
include ${at}/crl.conf;
# A resumed session is not verified again: a device that was revoked would come back by it.
ssl_session_cache off;
ssl_session_tickets off;

# The device ID is what follows CN= in the subject. A client cannot bring these headers: they are replaced.
set $device_uuid "";
if ($ssl_client_s_dn ~ "CN=(.*)$") {
    set $device_uuid $1;
}
if ($device_uuid = "") {
    return 400;
}
proxy_set_header x-ats-device-uuid $device_uuid;
proxy_set_header x-ats-namespace default;
proxy_set_header Host $http_host;
`;

/** A whole gateway, for the `http` block: `/etc/nginx/conf.d`. */
const gatewayConf = ({
  at,
  listen,
  serverName,
  upstream,
}: GatewayConfigWish): string => `# A device gateway. Its own certificate is yours to put there: devices have its root as root.crt.
server {
    listen ${listen} ssl;
    server_name ${serverName ?? '_'};
    ssl_certificate ${at}/server.crt;
    ssl_certificate_key ${at}/server.key;
    include ${at}/clients.conf;

    location /director/ { proxy_pass ${upstream}; }
    location /repo/ { proxy_pass ${upstream}; }
    location /treehub/ { proxy_pass ${upstream}; }
    location /campaigner/ { proxy_pass ${upstream}; }
    location /system_info { proxy_pass ${upstream}; }
    location /core/ { proxy_pass ${upstream}; }
    location /events { proxy_pass ${upstream}; }
    location / { return 404; }
}
`;

export function nginxFiles(wish: GatewayConfigWish): readonly ConfigFile[] {
  const { at, trust } = wish;
  const crlConf = trust.crls.length > 0 ? crlDirective(at) : NO_CRL;
  const hook = reloadHook(wish, {
    program: 'nginx',
    check: 'nginx -t -q',
    reload: 'nginx -s reload',
    include: { file: 'crl.conf', withCrls: crlDirective(at), without: NO_CRL },
  });
  return [
    { name: 'gateway.conf', mode: 0o644, content: gatewayConf(wish) },
    { name: 'clients.conf', mode: 0o644, content: clientsConf(at) },
    { name: 'crl.conf', mode: 0o644, content: `${crlConf}\n` },
    ...trustFiles(wish),
    { name: 'reload.sh', mode: 0o755, content: hook },
  ];
}
