import { AssertionError } from 'node:assert';
import { createHash, createPublicKey, X509Certificate } from 'node:crypto';
import { OID } from '../../src/asn1/index.ts';
import { placeOf } from '../../src/ca/index.ts';
import { foldDeviceId, maySignCrls } from '../../src/policy/index.ts';
import { type Connection, openReadOnly } from '../../src/store/driver.ts';
import { verifyPostgresLedger } from '../../src/store/index.ts';
import { verifyLedger } from '../../src/store/verify-ledger.ts';
import {
  attributesOf,
  type Certificate,
  checkChain,
  crlNumberOf,
  isSelfIssued,
  isSignatureValid,
  parseCertificate,
  parseCrl,
  readRevokedEntries,
} from '../../src/x509/index.ts';
import { isOnServer } from './engine.ts';
import { withLedgerFile } from './ledger-file.ts';

export interface SoundnessOptions {
  /** The service was stopped in good order, or started again since: no intent may be open. */
  readonly stopped?: boolean;
}

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');
const sha256 = (octets: Uint8Array): string => createHash('sha256').update(octets).digest('hex');

interface GenerationRow {
  readonly id: number;
  readonly fleet_id: number;
  readonly authority: string;
  readonly kind: string;
  readonly state: string;
  readonly issuer_id: number;
  readonly imported: number;
  readonly key_digest: Uint8Array;
  readonly certificate: Uint8Array;
}

interface LeafRow {
  readonly intent_id: number;
  readonly der: Uint8Array;
  readonly fingerprint: Uint8Array;
  readonly issued_at: number;
  readonly superseded_at: number | null;
  readonly revoked_at: number | null;
  readonly abandoned: number | null;
  readonly serial: Uint8Array | null;
  readonly tbs_digest: Uint8Array | null;
  readonly key_digest: Uint8Array | null;
  readonly not_before: number | null;
  readonly not_after: number | null;
  readonly created_at: number | null;
  readonly issuer_id: number | null;
  readonly profile: string | null;
  readonly device: number | null;
  readonly device_id: string | null;
  readonly fleet_id: number | null;
  readonly intended: string | null;
  readonly issued: string | null;
  readonly slot_intent: number | null;
  readonly imported: number | null;
}

const LEAVES = `SELECT c.intent_id, c.der, c.fingerprint, c.issued_at, c.superseded_at, c.revoked_at,
    i.abandoned, i.serial, i.tbs_digest, i.key_digest, i.not_before, i.not_after, k.created_at, i.issuer_id,
    v.name AS profile, i.device, d.device_id, d.fleet_id, a.action AS intended, b.action AS issued, s.intent_id AS slot_intent, k.imported
  FROM certificate c
  LEFT JOIN intent i ON i.id = c.intent_id
  LEFT JOIN intent_chunk k ON k.id = i.chunk_id AND i.id BETWEEN k.first_intent AND k.last_intent
  LEFT JOIN profile_version v ON v.id = i.profile_id
  LEFT JOIN device d ON d.id = i.device
  LEFT JOIN audit a ON a.seq = k.audit_seq
  LEFT JOIN audit b ON b.seq = c.audit_seq
  LEFT JOIN slot s ON s.device = i.device AND s.profile = v.name
  ORDER BY i.device, v.name, c.intent_id`;

type Fault = (what: string) => void;

/** An authority as it was found: our reading of its certificate, and OpenSSL's. */
interface Authority {
  readonly row: GenerationRow;
  readonly ours: Certificate;
  readonly theirs: X509Certificate;
}

/** Reads a certificate with two readers; what one of them refuses is a fault. */
function readCertificate(
  der: Uint8Array,
  says: string,
  fault: Fault,
): { ours: Certificate; theirs: X509Certificate } | undefined {
  try {
    return { ours: parseCertificate(der), theirs: new X509Certificate(der) };
  } catch (cause) {
    fault(`${says} does not parse: ${(cause as Error).message}`);
    return undefined;
  }
}

function readAuthorities(db: Connection, fault: Fault): ReadonlyMap<number, Authority> {
  const rows = db
    .prepare('SELECT * FROM generation WHERE certificate IS NOT NULL ORDER BY id')
    .all() as GenerationRow[];
  const found = new Map<number, Authority>();
  for (const row of rows) {
    const read = readCertificate(row.certificate, `authority ${row.id}`, fault);
    if (read) found.set(row.id, { row, ...read });
  }
  return found;
}

/** From an authority up to its root; empty where that leads nowhere. */
function chainFrom(authorities: ReadonlyMap<number, Authority>, id: number): readonly Authority[] {
  const chain: Authority[] = [];
  for (let at = authorities.get(id); at !== undefined; at = authorities.get(at.row.issuer_id)) {
    if (chain.includes(at)) return [];
    chain.push(at);
    if (at.row.issuer_id === at.row.id) return chain;
  }
  return [];
}

/** Both judges hold the link, and nothing outlives what is above it. */
function checkUnder(
  says: string,
  below: { ours: Certificate; theirs: X509Certificate },
  chain: readonly Authority[],
  at: Date,
  fault: Fault,
): void {
  const [issuer] = chain;
  if (!issuer) {
    fault(`${says} leads to no root`);
    return;
  }
  if (!below.theirs.checkIssued(issuer.theirs) || !below.theirs.verify(issuer.theirs.publicKey)) {
    fault(`${says} was not issued by its issuer, says OpenSSL`);
  }
  if (chain.some(({ ours }) => ours.notAfter < below.ours.notAfter))
    fault(`${says} outlives what is above it`);
  for (const problem of linkProblems([below.ours, ...chain.map(({ ours }) => ours)], at))
    fault(`${says}: ${problem}`);
}

/**
 * What our own judge says of a chain, but for purposes: a root may say serverAuth alone (some OTA
 * servers' manuals make it so), which is warned of when it is made.
 */
const linkProblems = (chain: readonly Certificate[], at: Date): readonly string[] =>
  checkChain(chain, 'clientAuth', at).filter((problem) => !problem.includes(' is not for '));

/** A registration CA stands for itself alone; all others stand under the fleet's root. */
const headsItsOwn = (root: Authority, below: GenerationRow): boolean =>
  below.kind === 'registration' ? root.row.id === below.id : root.row.kind === 'root';

function checkAuthorities(db: Connection, authorities: ReadonlyMap<number, Authority>, fault: Fault): void {
  for (const { row, ours } of authorities.values()) {
    const says = `authority ${row.authority} (generation ${row.id})`;
    const chain = chainFrom(authorities, row.id);
    const root = chain.at(-1);
    if (!root) fault(`${says} leads to no root`);
    else if (root.row.fleet_id !== row.fleet_id || !isSelfIssued(root.ours) || !headsItsOwn(root, row)) {
      fault(`${says} does not lead to the root of its fleet`);
    }
    for (const [i, below] of chain.entries()) {
      const above = chain[i + 1] ?? below;
      if (!below.theirs.checkIssued(above.theirs) || !below.theirs.verify(above.theirs.publicKey)) {
        fault(`${says} was not issued by its issuer, says OpenSSL`);
      }
      if (above.ours.notAfter < below.ours.notAfter) fault(`${says} outlives what is above it`);
    }
    const whole = chain.map((one) => one.ours);
    for (const problem of linkProblems(whole, ours.notBefore)) fault(`${says}: ${problem}`);
    if (hex(ours.publicKey.digest) !== hex(row.key_digest))
      fault(`${says} has another key than is on record`);
  }
  const twice = db
    .prepare(
      `SELECT fleet_id, authority FROM generation WHERE state = 'active' GROUP BY fleet_id, authority HAVING count(*) > 1
       UNION ALL SELECT fleet_id, kind FROM generation WHERE state = 'active' AND kind <> 'issuing'
         GROUP BY fleet_id, kind HAVING count(*) > 1`,
    )
    .all() as { fleet_id: number; authority: string }[];
  for (const { fleet_id, authority } of twice) fault(`fleet ${fleet_id} has two active: ${authority}`);
}

/** One that was issued elsewhere: it may have ended before it came, and may outlive what is above it. */
function checkForeign(
  says: string,
  below: { ours: Certificate; theirs: X509Certificate },
  chain: readonly Authority[],
  taken: Date,
  fault: Fault,
): void {
  const [issuer] = chain;
  const isIssued =
    issuer && below.theirs.checkIssued(issuer.theirs) && below.theirs.verify(issuer.theirs.publicKey);
  if (!isIssued) fault(`${says} was not issued by its issuer, says OpenSSL`);
  for (const problem of linkProblems([below.ours, ...chain.map(({ ours }) => ours)], taken))
    if (problem !== 'certificate 1 of the chain has expired') fault(`${says}: ${problem}`);
}

/** A serial as OpenSSL shows it: without the octet that keeps it positive. */
const shown = (serial: Uint8Array): string => hex(serial).replace(/^00(?=..)/, '');

const slotOf = (leaf: LeafRow): string => `${leaf.device}/${leaf.profile}`;
const isStanding = (leaf: LeafRow): boolean => leaf.superseded_at === null && leaf.revoked_at === null;

/** One certificate against its intent, its entries and everything above it. */
function checkLeaf(leaf: LeafRow, authorities: ReadonlyMap<number, Authority>, fault: Fault): void {
  const says = `certificate ${leaf.intent_id}`;
  if (leaf.abandoned !== 0) {
    fault(`${says} has no intent that could be completed`);
    return;
  }
  // What was issued elsewhere has one entry for both.
  const isImported = leaf.imported === 1;
  const due = isImported ? 'certificates-imported' : 'intents-recorded';
  if (leaf.intended !== due) fault(`${says} has no audit entry for its intent`);
  if (leaf.issued !== (isImported ? due : 'certificates-issued'))
    fault(`${says} has no audit entry for its completion`);
  if (sha256(leaf.der) !== hex(leaf.fingerprint)) fault(`${says} is filed under another fingerprint`);
  if (leaf.device === null || leaf.device_id === null) fault(`${says} has no device`);
  const read = readCertificate(leaf.der, says, fault);
  if (!read) return;
  const { ours } = read;
  const intended: readonly (readonly [string, unknown, unknown])[] = [
    ['serial', hex(ours.serial), leaf.serial && hex(leaf.serial)],
    ['OpenSSL serial', read.theirs.serialNumber.toLowerCase(), leaf.serial && shown(leaf.serial)],
    ['TBS', sha256(ours.tbs), leaf.tbs_digest && hex(leaf.tbs_digest)],
    ['key', hex(ours.publicKey.digest), leaf.key_digest && hex(leaf.key_digest)],
    ['notBefore', ours.notBefore.getTime(), leaf.not_before],
    ['notAfter', ours.notAfter.getTime(), leaf.not_after],
    // Whoever imports may name the device otherwise.
    ...(isImported
      ? []
      : [['CN', attributesOf(ours.subject, OID.commonName)[0]?.value, leaf.device_id] as const]),
  ];
  for (const [field, is, due] of intended)
    if (is !== due) fault(`${says} has another ${field} than was intended`);
  const chain = chainFrom(authorities, leaf.issuer_id ?? 0);
  const top = chain.at(-1)?.row;
  if (top?.fleet_id !== leaf.fleet_id || top?.kind !== 'root')
    fault(`${says} does not lead to the root of its fleet`);
  if (!isImported) checkUnder(says, read, chain, new Date(leaf.created_at ?? 0), fault);
  else checkForeign(says, read, chain, new Date(leaf.created_at ?? 0), fault);
}

/** In a slot one certificate stands at a time: the others are superseded, revoked, or expired before the next. */
function checkSlot(leaves: readonly LeafRow[], fault: Fault): void {
  const standing = leaves.filter(isStanding);
  for (const [i, leaf] of standing.entries()) {
    const next = standing[i + 1];
    if (next && (leaf.not_after ?? 0) > (next.created_at ?? 0)) {
      fault(`two live certificates in slot ${slotOf(leaf)}: ${leaf.intent_id} and ${next.intent_id}`);
    }
  }
  // Of those that were issued elsewhere, which come in any order, the slot says which one counts.
  const holder = leaves.find(({ intent_id, slot_intent }) => intent_id === slot_intent);
  const newest = leaves.filter(({ imported }) => imported === 0).at(-1) ?? holder ?? leaves.at(-1);
  if (!newest) return;
  if (newest.superseded_at !== null) fault(`the newest certificate of slot ${slotOf(newest)} is superseded`);
  if ((newest.slot_intent ?? 0) < newest.intent_id) {
    fault(`slot ${slotOf(newest)} does not hold its newest certificate, ${newest.intent_id}`);
  }
}

function checkLeaves(db: Connection, authorities: ReadonlyMap<number, Authority>, fault: Fault): void {
  let slot: LeafRow[] = [];
  // The library hands out one row at a time: a ledger may hold more than fits in memory.
  for (const leaf of db.prepare(LEAVES).iterate() as IterableIterator<LeafRow>) {
    checkLeaf(leaf, authorities, fault);
    const [first] = slot;
    if (first && slotOf(first) !== slotOf(leaf)) {
      checkSlot(slot, fault);
      slot = [];
    }
    slot.push(leaf);
  }
  checkSlot(slot, fault);
}

interface LinkRow {
  readonly intent_id: number;
  readonly subject_id: number;
  readonly issuer_id: number;
  readonly certificate: Uint8Array;
  readonly serial: Uint8Array;
  readonly tbs_digest: Uint8Array;
  readonly not_after: number;
  readonly created_at: number;
  readonly abandoned: number;
}

const LINKS = `SELECT l.*, i.serial, i.tbs_digest, i.not_after, i.abandoned, k.created_at FROM root_link l
  JOIN intent i ON i.id = l.intent_id JOIN intent_chunk k ON k.id = i.chunk_id WHERE l.certificate IS NOT NULL`;

/** A link is what was intended, of one root's name and key, and signed by another root of its fleet. */
function checkLinks(db: Connection, authorities: ReadonlyMap<number, Authority>, fault: Fault): void {
  for (const row of db.prepare(LINKS).all() as LinkRow[]) {
    const says = `link ${row.intent_id}`;
    const read = readCertificate(row.certificate, says, fault);
    const [subject, issuer] = [authorities.get(row.subject_id), authorities.get(row.issuer_id)];
    if (!read || !subject || !issuer) continue;
    const { ours } = read;
    const intended = [
      row.abandoned === 0,
      hex(ours.serial) === hex(row.serial),
      sha256(ours.tbs) === hex(row.tbs_digest),
      ours.notAfter.getTime() === row.not_after,
      hex(ours.publicKey.spki) === hex(subject.ours.publicKey.spki),
      hex(ours.subject.der) === hex(subject.ours.subject.der),
      ours.notAfter <= subject.ours.notAfter,
      subject.row.fleet_id === issuer.row.fleet_id,
      subject.row.kind === 'root' && issuer.row.kind === 'root' && issuer !== subject,
    ];
    if (intended.includes(false)) fault(`${says} is not what was intended`);
    checkUnder(says, read, chainFrom(authorities, row.issuer_id), new Date(row.created_at), fault);
  }
}

interface RegistrationRow {
  readonly id: string;
  readonly fleet_id: number;
  readonly issuer_id: number;
  readonly serial: Uint8Array;
  readonly key_digest: Uint8Array;
  readonly tbs_digest: Uint8Array;
  readonly not_after: number;
  readonly created_at: number;
  readonly certificate: Uint8Array;
}

/** What devices register with is what was intended, and comes from its fleet's registration CA. */
function checkRegistrations(db: Connection, authorities: ReadonlyMap<number, Authority>, fault: Fault): void {
  const rows = db
    .prepare('SELECT * FROM registration_credential WHERE certificate IS NOT NULL')
    .all() as RegistrationRow[];
  for (const row of rows) {
    const says = `registration credentials ${row.id}`;
    const read = readCertificate(row.certificate, says, fault);
    if (!read) continue;
    const { ours } = read;
    const intended = [
      hex(ours.serial) === hex(row.serial),
      sha256(ours.tbs) === hex(row.tbs_digest),
      hex(ours.publicKey.digest) === hex(row.key_digest),
      ours.notAfter.getTime() === row.not_after,
    ];
    if (intended.includes(false)) fault(`${says} are not what was intended`);
    const chain = chainFrom(authorities, row.issuer_id);
    const issuer = chain[0]?.row;
    if (chain.length !== 1 || issuer?.kind !== 'registration' || issuer.fleet_id !== row.fleet_id)
      fault(`${says} are not of the registration CA of their fleet`);
    checkUnder(says, read, chain, new Date(row.created_at), fault);
  }
}

interface ListRow {
  readonly issuer_id: number;
  readonly number: number;
  readonly this_update: number;
  readonly next_update: number;
  readonly covers: number;
  readonly entries: number;
  readonly tbs_digest: Uint8Array;
  readonly der: Uint8Array | null;
}

/** A published CRL is its issuer's, is what was intended, and lists what was revoked before it, and nothing else. */
function checkList(
  db: Connection,
  row: ListRow,
  before: ListRow | undefined,
  issuer: Authority,
  fault: Fault,
) {
  const says = `CRL ${row.number} of issuer ${row.issuer_id}`;
  const crl = parseCrl(row.der ?? new Uint8Array(0));
  const key = createPublicKey({ key: Buffer.from(issuer.ours.publicKey.spki), format: 'der', type: 'spki' });
  const { kind } = issuer.ours.publicKey.key;
  if (!isSignatureValid(crl.algorithm, kind, key, crl.tbs, crl.signature))
    fault(`${says} is not its issuer's`);
  if (!maySignCrls(issuer.ours)) fault(`${says} is of an issuer that may not sign CRLs`);
  const said = [
    sha256(crl.tbs) === hex(row.tbs_digest),
    hex(crl.issuer.der) === hex(issuer.ours.subject.der),
    crlNumberOf(crl) === row.number,
    crl.thisUpdate.getTime() === row.this_update,
    crl.nextUpdate.getTime() === row.next_update,
  ];
  if (said.includes(false)) fault(`${says} does not say what was intended`);
  const listed = [...readRevokedEntries(crl.entries)].map(({ serial }) => hex(serial));
  const revoked = db
    .prepare(
      `SELECT i.serial, i.not_after, c.revoked_audit_seq AS by FROM certificate c JOIN intent i ON i.id = c.intent_id
       WHERE c.revoked_at IS NOT NULL AND i.issuer_id = ?
       UNION ALL SELECT r.serial, i.not_after, r.audit_seq FROM revocation r JOIN intent i ON i.id = r.intent_id
       WHERE (i.abandoned = 1 OR i.device IS NULL) AND r.issuer_id = ?
       UNION ALL SELECT serial, 253402300799000, audit_seq FROM revocation_elsewhere WHERE issuer_id = ?`,
    )
    .all(row.issuer_id, row.issuer_id, row.issuer_id) as {
    serial: Uint8Array;
    not_after: number;
    by: number;
  }[];
  const due = revoked.filter(({ by, not_after }) => {
    const wasListedAfterItsEnd =
      before !== undefined && not_after < before.this_update && by <= before.covers;
    return by <= row.covers && !wasListedAfterItsEnd;
  });
  const serials = due.map(({ serial }) => hex(serial)).sort();
  const { key_id: keyId } = db.prepare('SELECT key_id FROM generation WHERE id = ?').get(row.issuer_id) as {
    key_id: string;
  };
  // Where people sign away from the service, they revoke what it never saw: its own must be among that.
  const own = placeOf(keyId) === 'offline' ? listed.filter((serial) => serials.includes(serial)) : listed;
  if (listed.length !== row.entries || JSON.stringify(own.sort()) !== JSON.stringify(serials))
    fault(`${says} lists ${listed.length} certificates, ${serials.length} were revoked before it`);
}

/** The numbers of an issuer's CRLs only grow, and so do their dates; the newest has its octets. */
function checkLists(db: Connection, authorities: ReadonlyMap<number, Authority>, fault: Fault): void {
  const rows = db
    .prepare('SELECT * FROM revocation_list WHERE digest IS NOT NULL ORDER BY issued_audit_seq')
    .all() as ListRow[];
  for (const issuer of authorities.values()) {
    const own = rows.filter(({ issuer_id }) => issuer_id === issuer.row.id);
    for (const [i, row] of own.entries()) {
      const before = own[i - 1];
      const grows = !before || (before.number < row.number && before.this_update <= row.this_update);
      if (!grows) fault(`CRL ${row.number} of issuer ${row.issuer_id} does not follow ${before.number}`);
    }
    const newest = own.at(-1);
    if (!newest) continue;
    if (newest.der) checkList(db, newest, own.at(-2), issuer, fault);
    else fault(`the newest CRL of issuer ${issuer.row.id} has no octets`);
  }
}

/** Facts that one statement asks for; each row that it gives is a fault. */
const QUESTIONS: readonly (readonly [string, string])[] = [
  [
    'a serial is used twice by one issuer',
    'SELECT issuer_id, hex(serial) FROM intent GROUP BY issuer_id, serial HAVING count(*) > 1',
  ],
  [
    'a CRL has no higher number than one that was taken in before it',
    `SELECT l.issuer_id, l.number FROM revocation_list l JOIN list_taken t ON t.issuer_id = l.issuer_id
     WHERE t.audit_seq < l.audit_seq AND t.number >= l.number`,
  ],
  [
    'something was signed while it was not settled what had happened since a copy was made',
    `SELECT r.id, k.id FROM restoration r JOIN intent_chunk k
       ON k.audit_seq > r.audit_seq AND k.audit_seq < coalesce(r.settled_audit_seq, 9223372036854775807)
     UNION ALL SELECT r.id, l.number FROM restoration r JOIN revocation_list l
       ON l.audit_seq > r.audit_seq AND l.audit_seq < coalesce(r.settled_audit_seq, 9223372036854775807)
     UNION ALL SELECT r.id, c.id FROM restoration r JOIN registration_credential c
       ON c.audit_seq > r.audit_seq AND c.audit_seq < coalesce(r.settled_audit_seq, 9223372036854775807)`,
  ],
  [
    'a serial is revoked elsewhere that has a certificate, or an intent that was given up',
    `SELECT e.issuer_id, hex(e.serial) FROM revocation_elsewhere e
     JOIN intent i ON i.issuer_id = e.issuer_id AND i.serial = e.serial
     LEFT JOIN certificate c ON c.intent_id = i.id WHERE i.abandoned = 1 OR c.intent_id IS NOT NULL`,
  ],
  [
    'an intent is not of the chunk that it points to, or of none',
    `SELECT i.id FROM intent i LEFT JOIN intent_chunk k ON k.id = i.chunk_id
     WHERE k.id IS NULL OR i.id NOT BETWEEN k.first_intent AND k.last_intent
       OR (i.device IS NULL) <> (k.kind = 'authority')`,
  ],
  [
    'a chunk has another number of intents than it says, or counts open ones that are not',
    `SELECT k.id FROM intent_chunk k LEFT JOIN intent i ON i.chunk_id = k.id
     LEFT JOIN certificate c ON c.intent_id = i.id
     LEFT JOIN generation g ON k.kind = 'authority' AND g.audit_seq = k.audit_seq
     LEFT JOIN root_link l ON l.intent_id = i.id
     GROUP BY k.id HAVING count(i.id) <> k.last_intent - k.first_intent + 1
       OR total(i.abandoned = 0 AND c.intent_id IS NULL AND g.certificate IS NULL AND l.certificate IS NULL) <> k.open`,
  ],
  [
    'an intent has no audit entry',
    `SELECT i.id FROM intent i LEFT JOIN intent_chunk k ON k.id = i.chunk_id
     LEFT JOIN audit a ON a.seq = k.audit_seq WHERE a.seq IS NULL`,
  ],
  [
    'an authority was made without an intent that could be completed',
    `SELECT g.id FROM generation g WHERE g.certificate IS NOT NULL AND g.imported = 0 AND NOT EXISTS
     (SELECT 1 FROM intent_chunk k JOIN intent i ON i.id = k.first_intent
      WHERE k.audit_seq = g.audit_seq AND k.kind = 'authority' AND i.abandoned = 0 AND i.key_digest = g.key_digest)`,
  ],
  [
    'an outcome says issued or replayed and points to no certificate',
    `SELECT o.batch, o.seq FROM batch_outcome o LEFT JOIN certificate c ON c.intent_id = o.intent_id
     WHERE o.status IN ('issued', 'replayed') AND c.intent_id IS NULL`,
  ],
  [
    'an outcome says refused or failed and has a certificate or no problem',
    `SELECT batch, seq FROM batch_outcome
     WHERE status IN ('refused', 'failed') AND (intent_id IS NOT NULL OR problem IS NULL)`,
  ],
  [
    'an outcome points to a certificate of another device or fleet',
    `SELECT o.batch, o.seq FROM batch_outcome o JOIN batch b ON b.number = o.batch
     JOIN intent i ON i.id = o.intent_id JOIN device d ON d.id = i.device
     WHERE o.device_id IS NOT NULL OR d.fleet_id <> b.fleet_id`,
  ],
  [
    'the outcomes of a batch are not numbered from 1 without a gap',
    `SELECT b.id FROM batch b LEFT JOIN batch_outcome o ON o.batch = b.number
     GROUP BY b.number HAVING count(o.seq) <> b.last_seq OR coalesce(max(o.seq), 0) <> b.last_seq`,
  ],
  [
    'the counts of an attempt are not those of its outcomes',
    `SELECT a.batch, a.number FROM batch_attempt a LEFT JOIN batch_outcome o ON o.batch = a.batch AND o.attempt = a.number
     GROUP BY a.batch, a.number HAVING count(o.seq) <> a.row_count
       OR total(o.status = 'issued') <> a.issued OR total(o.status = 'replayed') <> a.replayed
       OR total(o.status = 'refused') <> a.refused OR total(o.status = 'failed') <> a.failed`,
  ],
  [
    'a certificate is revoked, and not so where CRLs are made from, or the other way round',
    `SELECT c.intent_id FROM certificate c JOIN intent i ON i.id = c.intent_id
     LEFT JOIN revocation r ON r.issuer_id = i.issuer_id AND r.serial = i.serial
     WHERE (c.revoked_at IS NULL) <> (r.serial IS NULL) OR r.revoked_at <> c.revoked_at
       OR r.reason <> c.revocation_reason OR r.intent_id <> c.intent_id`,
  ],
  [
    'a serial is revoked that has no certificate, and whose intent was not given up',
    `SELECT r.intent_id FROM revocation r JOIN intent i ON i.id = r.intent_id
     LEFT JOIN certificate c ON c.intent_id = i.id
     WHERE (c.intent_id IS NULL) <> (i.abandoned = 1 OR i.device IS NULL) OR i.issuer_id <> r.issuer_id OR i.serial <> r.serial`,
  ],
  [
    'the certificate of a CA is revoked that was not withdrawn',
    `SELECT r.intent_id FROM revocation r JOIN intent i ON i.id = r.intent_id AND i.device IS NULL AND i.abandoned = 0
     JOIN intent_chunk k ON k.id = i.chunk_id LEFT JOIN root_link l ON l.intent_id = i.id
     LEFT JOIN generation g ON CASE WHEN l.intent_id IS NULL THEN g.audit_seq = k.audit_seq ELSE g.id = l.subject_id END
     WHERE g.withdrawn_audit_seq IS NOT r.audit_seq`,
  ],
  [
    'a scrapped device has a certificate that is not revoked',
    `SELECT d.device_id FROM device d JOIN intent i ON i.device = d.id JOIN certificate c ON c.intent_id = i.id
     WHERE d.scrapped = 1 AND c.revoked_at IS NULL`,
  ],
  [
    'a device is in another state than its last change says',
    `SELECT d.device_id FROM device d LEFT JOIN device_change x ON x.device = d.id
       AND x.audit_seq = (SELECT max(audit_seq) FROM device_change WHERE device = d.id)
     WHERE d.scrapped <> (coalesce(x.state, 'active') = 'scrapped')`,
  ],
  [
    'a certificate renews one of another device or profile, that came after it or was not its certificate',
    `SELECT n.id FROM intent n JOIN intent o ON o.id = n.renews
     JOIN profile_version v ON v.id = n.profile_id JOIN profile_version w ON w.id = o.profile_id
     LEFT JOIN certificate c ON c.intent_id = o.id
     WHERE n.device <> o.device OR v.name <> w.name OR n.id <= o.id OR c.intent_id IS NULL`,
  ],
  [
    'a certificate stands that another one was to revoke',
    `SELECT o.id, n.id FROM intent n JOIN certificate m ON m.intent_id = n.id
     JOIN intent o ON o.device = n.device AND o.id < n.id AND o.key_digest <> n.key_digest
     JOIN profile_version v ON v.id = n.profile_id JOIN profile_version w ON w.id = o.profile_id AND w.name = v.name
     JOIN certificate c ON c.intent_id = o.id LEFT JOIN sighting s ON s.intent_id = n.id
     WHERE c.revoked_at IS NULL AND (n.revoke_old = 'now' OR n.revoke_old = 'after-handshake' AND s.intent_id IS NOT NULL)`,
  ],
  [
    'a key is an authority’s and a device’s',
    'SELECT k.generation_id FROM ca_key k JOIN device_key d ON d.key_digest = k.key_digest',
  ],
  [
    'what devices register with counts as a device',
    'SELECT r.id FROM registration_credential r JOIN certificate c ON c.fingerprint = r.fingerprint',
  ],
  [
    'registration credentials have registered another number of devices than they count, or than they may',
    `SELECT r.id FROM registration_credential r LEFT JOIN intent_chunk k ON k.actor_id = r.id
     LEFT JOIN intent i ON i.chunk_id = k.id
     GROUP BY r.id HAVING total(i.abandoned = 0) <> r.spent OR r.spent > r.max_devices`,
  ],
  [
    'registration credentials have registered a device of another fleet',
    `SELECT r.id, k.id FROM registration_credential r JOIN intent_chunk k ON k.actor_id = r.id
     WHERE k.fleet_id <> r.fleet_id OR r.certificate IS NULL`,
  ],
];

const OPEN: readonly (readonly [string, string])[] = [
  ['an intent is open', 'SELECT id FROM intent_chunk WHERE open > 0'],
  [
    'registration credentials are under way',
    'SELECT id FROM registration_credential WHERE certificate IS NULL AND abandoned = 0',
  ],
  ['an attempt receives', "SELECT batch FROM batch_attempt WHERE state = 'receiving'"],
];

function checkDevices(db: Connection, fault: Fault): void {
  const rows = db.prepare('SELECT device_id, folded_id FROM device').iterate() as IterableIterator<{
    device_id: string;
    folded_id: string;
  }>;
  for (const { device_id, folded_id } of rows) {
    if (foldDeviceId(device_id) !== folded_id) fault(`device ${device_id} is filed under another folded ID`);
  }
}

function checkFile(databaseFile: string, { stopped = false }: SoundnessOptions): readonly string[] {
  const faults: string[] = [];
  const fault: Fault = (what) => faults.push(what);
  const db = openReadOnly(databaseFile);
  try {
    db.transaction(() => {
      for (const { integrity_check: says } of db.pragma('integrity_check') as { integrity_check: string }[]) {
        if (says !== 'ok') fault(`the database is damaged: ${says}`);
      }
      if ((db.pragma('foreign_key_check') as unknown[]).length > 0)
        fault('a row points to one that is not there');
      const authorities = readAuthorities(db, fault);
      checkAuthorities(db, authorities, fault);
      checkLeaves(db, authorities, fault);
      checkRegistrations(db, authorities, fault);
      checkLinks(db, authorities, fault);
      checkLists(db, authorities, fault);
      checkDevices(db, fault);
      for (const [what, sql] of stopped ? [...QUESTIONS, ...OPEN] : QUESTIONS) {
        for (const row of db.prepare(sql).raw().all().slice(0, 5)) fault(`${what}: ${JSON.stringify(row)}`);
      }
    })();
  } finally {
    db.close();
  }
  for (const { seq, what } of verifyLedger(databaseFile).problems) fault(`audit entry ${seq}: ${what}`);
  return faults;
}

/** Everything that does not hold in the authority of a database, a file or a URL, in plain words. */
export async function checkCaSound(
  database: string,
  options: SoundnessOptions = {},
): Promise<readonly string[]> {
  const faults = await withLedgerFile(database, (file) => checkFile(file, options));
  if (!isOnServer(database)) return faults;
  // Where it lies, too: as `audit verify` reads it, without our copy.
  const { problems } = await verifyPostgresLedger(database);
  return [...faults, ...problems.map(({ seq, what }) => `audit entry ${seq} on the server: ${what}`)];
}

/**
 * Looks at a whole authority from outside, as whoever has nothing but its database, and rejects with everything that does not hold: serials unique for each issuer; every certificate parses, is what
 * was intended, chains to its fleet's root, verifies, and outlives nothing above it; every one has its
 * intent and both audit entries; one live certificate in a slot; outcomes that point to certificates;
 * and the log that verifies. The service may be running.
 */
export async function assertCaSound(database: string, options: SoundnessOptions = {}): Promise<void> {
  const faults = await checkCaSound(database, options);
  if (faults.length === 0) return;
  const message = `the authority in ${new URL(database, 'file:').pathname} is not sound:\n- ${faults.slice(0, 20).join('\n- ')}`;
  throw new AssertionError({ message, actual: faults.length, expected: 0, stackStartFn: assertCaSound });
}
