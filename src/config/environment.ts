export type Environment = Readonly<Record<string, string | undefined>>;

/** The process's environment. Rooms get what they need of it from `Config`; the CLI asks here. */
export const environment = (): Environment => process.env;

/** The environment for foreign code in a process of its own: without what is ours, which may be secret. */
export const foreignEnvironment = (): Environment =>
  Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !name.startsWith('FLEETCA_') && name !== 'DATABASE_URL' && name !== 'CREDENTIALS_DIRECTORY',
    ),
  );
