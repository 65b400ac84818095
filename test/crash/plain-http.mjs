// Preloaded (--import): the API listens without TLS, so that strace sees what leaves.
import http from 'node:http';
import https from 'node:https';
import { syncBuiltinESMExports } from 'node:module';

https.createServer = ({ key: _key, cert: _cert, minVersion: _minVersion, ...limits }, ...rest) => {
  const server = http.createServer(limits, ...rest);
  server.setSecureContext = () => undefined;
  return server;
};
syncBuiltinESMExports();
