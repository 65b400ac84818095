// The rooms and who may import whom: docs/architecture.md, executable.
const CORE = ["asn1", "archive", "x509", "policy", "ca", "batch", "bundle", "enrollment", "status", "ceremony"];
const ROOMS = {
  asn1: [],
  archive: [],
  x509: ["asn1"],
  policy: ["asn1", "x509"],
  enrollment: ["asn1", "x509", "policy"],
  ca: ["asn1", "x509", "policy", "enrollment"],
  ceremony: ["asn1", "x509", "policy", "enrollment", "ca"],
  status: ["asn1", "x509", "policy", "ca"],
  bundle: ["asn1", "archive", "x509", "policy", "ca"],
  batch: ["asn1", "archive", "x509", "policy", "enrollment", "ca"],
  check: ["asn1", "archive", "x509", "policy", "ca", "bundle", "gateway"],
  gateway: ["asn1", "x509", "policy", "ca", "bundle", "status"],
  outgoing: ["asn1", "x509", "policy", "enrollment", "ca", "batch"],
  metrics: ["asn1", "x509", "policy", "enrollment", "ca", "batch", "outgoing"],
  upkeep: ["asn1", "x509", "policy", "ca"],
  keystore: ["asn1", "x509", "ca"],
  pool: ["asn1", "x509", "policy", "enrollment", "ca", "batch"],
  backup: ["archive", "bundle"],
  store: ["asn1", "x509", "policy", "enrollment", "ca", "batch", "status", "gateway", "outgoing"], // the rooms whose ports it implements
  config: ["policy"], // profiles are configuration; policy validates them
  http: ["asn1", "archive", "x509", "policy", "enrollment", "ca", "batch", "bundle", "status", "gateway", "check", "outgoing", "ceremony", "metrics"],
  cli: ["asn1", "archive", "x509", "policy", "enrollment", "ca", "batch", "bundle", "status", "gateway", "check", "outgoing", "ceremony", "config", "keystore", "store", "pool", "backup"],
};
const ONE_DOOR = {
  asn1js: "x509", pkijs: "x509", "@peculiar/x509": "x509", "reflect-metadata": "x509", "node-forge": "x509",
  kysely: "store", pg: "store", "better-sqlite3": "store", express: "http", "prom-client": "metrics", yazl: "bundle", yauzl: "archive", pkcs11js: "keystore", "age-encryption": "backup",
};
module.exports = {
  forbidden: [
    { name: "no-circular", severity: "error", from: {}, to: { circular: true } },
    ...Object.entries(ROOMS).map(([room, may]) => ({
      name: `room-${room}`, severity: "error",
      from: { path: `^src/${room}/` },
      to: { path: "^src/[^/]+/", pathNot: [room, ...may].map((r) => `^src/${r}/`) },
    })),
    { name: "through-the-door", severity: "error", from: { path: "^src/([^/]+)/" },
      to: { path: "^src/[^/]+/.+", pathNot: ["^src/$1/", "^src/[^/]+/index\\.ts$"] } },
    { name: "main-is-the-top", severity: "error", from: { pathNot: "^src/((main|data-folder|own-credentials)\\.ts$|cli/)" }, to: { path: "^src/(main|data-folder|own-credentials)\\.ts$" } }, // `fleetca serve` starts it
    ...Object.entries(ONE_DOOR).map(([lib, room]) => ({
      name: `only-${room}-imports-${lib.replace(/\W/g, "-")}`, severity: "error",
      from: { path: "^src/", pathNot: `^src/${room}/` }, to: { path: `(^|node_modules/)${lib}(/|$)` },
    })),
    { name: "core-does-not-log", severity: "error", from: { path: `^src/(${CORE.join("|")})/` }, to: { path: "^src/log\\.ts$" } },
    { name: "core-makes-no-folder", severity: "error", from: { path: `^src/(${CORE.join("|")})/` }, to: { path: "^src/folder\\.ts$" } },
    { name: "pure-core", severity: "error", from: { path: `^src/(${CORE.join("|")})/` },
      to: { dependencyTypes: ["core"], pathNot: "^(node:)?(crypto|assert|buffer|events|path/posix|stream(/promises)?|string_decoder|util|zlib)$" } },
    // The verdicts of a check are pure; its handshakes are not.
    { name: "pure-verdicts", severity: "error", from: { path: "^src/check/", pathNot: "^src/check/probe/" },
      to: { dependencyTypes: ["core"], pathNot: "^(node:)?(crypto|buffer|util)$" } },
    { name: "no-unknown-room", severity: "error", from: {},
      to: { path: "^src/", pathNot: [...Object.keys(ROOMS).map((r) => `^src/${r}/`), "^src/(main|data-folder|own-credentials|errors|log|clock|random|folder|file-mode|package-root)\\.ts$"] } },
    { name: "errors-is-a-leaf", severity: "error", from: { path: "^src/errors\\.ts$" }, to: {} },
  ],
  options: {
    tsConfig: { fileName: "tsconfig.json" }, tsPreCompilationDeps: true,
    doNotFollow: { path: "node_modules" }, exclude: { path: "^dist/" },
  },
};
