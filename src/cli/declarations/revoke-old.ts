/** Here again, so that the command line does not load the rules of enrollment to say what it knows. */
export const REVOKE_OLD = ['never', 'now', 'after-handshake'] as const;
