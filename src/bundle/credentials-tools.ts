import type { CredentialsContents, Finding } from './credentials-finding.ts';

/** A tool that reads credentials.zip, or a way to use it. */
interface Tool {
  readonly name: string;
  readonly title: string;
  /** For each line one of its entries, the first that is there. */
  readonly needs: readonly (readonly string[])[];
  /** Read where they are there. */
  readonly takes: readonly string[];
  /** Whoever puts one of these into the archive means the tool. */
  readonly claimedBy: readonly string[];
}

const LOGIN = ['client_auth.p12'];
/** Who uploads file systems looks whether an image could be signed, too, and does without. */
const REPOSITORY = ['tufrepo.url'];

const TOOLS: readonly Tool[] = [
  {
    name: 'device-shared',
    title: 'device with shared credentials (aktualizr)',
    needs: [['autoprov.url'], ['autoprov_credentials.p12']],
    takes: [],
    claimedBy: ['autoprov_credentials.p12'],
  },
  {
    name: 'cert-provider',
    title: 'cert-provider, certificates made by the server',
    needs: [['autoprov.url'], ['autoprov_credentials.p12']],
    takes: ['server_ca.pem'],
    claimedBy: ['autoprov_credentials.p12'],
  },
  {
    name: 'cert-provider-fleet-ca',
    title: 'cert-provider with a fleet CA (-r -u)',
    needs: [['autoprov.url'], ['server_ca.pem', 'autoprov_credentials.p12']],
    takes: [],
    claimedBy: ['autoprov.url', 'server_ca.pem'],
  },
  {
    name: 'garage-push',
    title: 'garage-push',
    needs: [['treehub.json']],
    takes: [...LOGIN, ...REPOSITORY],
    claimedBy: ['treehub.json'],
  },
  {
    name: 'garage-deploy',
    title: 'garage-deploy',
    needs: [['treehub.json']],
    takes: [...LOGIN, ...REPOSITORY],
    claimedBy: ['treehub.json'],
  },
  {
    name: 'ota-cli',
    title: 'ota-cli',
    needs: [['treehub.json']],
    takes: REPOSITORY,
    claimedBy: ['treehub.json'],
  },
  {
    name: 'garage-sign',
    title: 'garage-sign',
    needs: [['treehub.json'], ['tufrepo.url']],
    takes: [...LOGIN, 'server.p12'],
    claimedBy: ['tufrepo.url'],
  },
  {
    name: 'garage-sign-director',
    title: 'garage-sign with the director',
    needs: [['treehub.json'], ['tufrepo.url'], ['api_gateway.url']],
    takes: [...LOGIN, 'server.p12'],
    claimedBy: ['api_gateway.url'],
  },
  {
    name: 'offline-signing',
    title: 'garage-sign and garage-deploy with keys at hand (offline signing)',
    needs: [['tufrepo.url'], ['root.json'], ['targets.pub'], ['targets.sec']],
    takes: [],
    claimedBy: ['targets.pub', 'targets.sec'],
  },
];

/** Whether an archive serves a tool. `absent`: it is not meant to. */
export interface ToolVerdict {
  readonly tool: string;
  readonly title: string;
  readonly state: 'works' | 'broken' | 'absent';
  /** Entries that it reads and that are not there. */
  readonly missing: readonly string[];
}

/** Which tools an archive serves, given what was found at its entries. */
export function judgeTools(
  contents: CredentialsContents,
  findings: readonly Finding[],
): readonly ToolVerdict[] {
  const faulty = new Set(findings.filter(({ severity }) => severity === 'error').map(({ entry }) => entry));
  return TOOLS.map(({ name: tool, title, needs, takes, claimedBy }) => {
    const chosen = needs.map((names) => names.find((name) => contents.has(name)));
    const missing = needs.filter((_, i) => chosen[i] === undefined).map((names) => names.join(' or '));
    const isBroken = [...chosen, ...takes].some((name) => name !== undefined && faulty.has(name));
    const works = missing.length === 0 && !isBroken;
    const isMeant = claimedBy.some((name) => contents.has(name));
    const unfit = isMeant || missing.length === 0 ? 'broken' : 'absent';
    return { tool, title, state: works ? 'works' : unfit, missing };
  });
}
