import { encodeTreehub, type TreehubLogin } from '../bundle/index.ts';
import { readOctets } from './credentials-file.ts';
import { readPassphraseFile } from './files.ts';
import { LocalFailure } from './local-failure.ts';

/** What the command line says of treehub.json. */
export interface TreehubOptions {
  readonly treehubServer?: string;
  readonly treehubNoAuth?: true;
  readonly treehubOauth2Server?: string;
  readonly treehubClientId?: string;
  readonly treehubClientSecretFile?: string;
  readonly treehubScope?: string;
  readonly treehubUser?: string;
  readonly treehubPasswordFile?: string;
  readonly treehubJson?: string;
}

const MAX_OCTETS = 1024 * 1024;

const usage = (message: string): never => {
  throw new LocalFailure('usage', message);
};

async function readOauth2(options: TreehubOptions): Promise<TreehubLogin> {
  const { treehubOauth2Server: server, treehubClientId: clientId, treehubClientSecretFile: secret } = options;
  if (server === undefined || clientId === undefined || secret === undefined) {
    return usage(
      'Login by OAuth 2 takes --treehub-oauth2-server, --treehub-client-id and --treehub-client-secret-file.',
    );
  }
  const clientSecret = await readPassphraseFile(secret);
  return { form: 'oauth2', server, clientId, clientSecret, scope: options.treehubScope ?? null };
}

async function readBasic({ treehubUser, treehubPasswordFile }: TreehubOptions): Promise<TreehubLogin> {
  if (treehubUser === undefined || treehubPasswordFile === undefined) {
    return usage('Login by password takes --treehub-user and --treehub-password-file.');
  }
  return { form: 'basic', user: treehubUser, password: await readPassphraseFile(treehubPasswordFile) };
}

const isGiven = (values: readonly unknown[]): boolean => values.some((value) => value !== undefined);

async function readLogin(options: TreehubOptions): Promise<TreehubLogin> {
  const { treehubOauth2Server, treehubClientId, treehubClientSecretFile, treehubScope } = options;
  const forms = [
    ...(options.treehubNoAuth ? [async (): Promise<TreehubLogin> => ({ form: 'none' })] : []),
    ...(isGiven([treehubOauth2Server, treehubClientId, treehubClientSecretFile, treehubScope])
      ? [readOauth2]
      : []),
    ...(isGiven([options.treehubUser, options.treehubPasswordFile]) ? [readBasic] : []),
  ];
  const [form, second] = forms;
  if (form === undefined || second !== undefined) {
    return usage('Say one way to log in at treehub: by OAuth 2, by password, or --treehub-no-auth.');
  }
  return form(options);
}

/** The octets of treehub.json; null where the command line does not speak of it. Rejects with `usage`. */
export async function readTreehub(options: TreehubOptions): Promise<Uint8Array | string | null> {
  const { treehubServer: server, treehubJson, ...login } = options;
  const others = Object.entries(login).some(
    ([name, value]) => name.startsWith('treehub') && value !== undefined,
  );
  if (treehubJson !== undefined) {
    if (server !== undefined || others)
      return usage('--treehub-json stands for all of treehub.json, and alone.');
    return readOctets(treehubJson, MAX_OCTETS);
  }
  if (server === undefined) return others ? usage('treehub.json needs --treehub-server.') : null;
  return encodeTreehub({ server, login: await readLogin(options) });
}
