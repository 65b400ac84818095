export type Environment = Readonly<Record<string, string | undefined>>;

/** The process's environment. Rooms get what they need of it from `Config`; the CLI asks here. */
export const environment = (): Environment => process.env;
