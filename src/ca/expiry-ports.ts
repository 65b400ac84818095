/** What the ledger tells of the end of device certificates, in numbers. Reads; nothing changes by them. */
export interface ExpiryLedger {
  /**
   * How many certificates that a generation signed for devices end from `from` on and before `before`, and are not
   * revoked: superseded ones count, for who holds one is accepted. Read by the index of expiries, in time that grows
   * with what is counted: ask for months, not for all.
   */
  countExpiring(issuerId: number, from: Date, before: Date): Promise<number>;
}
