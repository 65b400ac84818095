/**
 * A lot of requests through the authority, with one outcome a row: takes rows as they come, keeps
 * their outcomes, and hands the answer out from the store. It never holds a lot in memory, and never
 * makes the upload wait for the reader.
 */
export type { IdSource } from './formats/archive-entry.ts';
export type { KeySource } from './formats/csv.ts';
export { splitCells } from './formats/csv-cells.ts';
export { splitRecords } from './formats/csv-records.ts';
export { gunzip } from './formats/gunzip.ts';
export { readLot, readZip, type StreamForm } from './formats/read-lot.ts';
export { SeenNames } from './formats/seen-names.ts';
export * from './limits.ts';
export * from './ports.ts';
export * from './progress.ts';
export type { Row, RowSource } from './row.ts';
export * from './run.ts';
export * from './tail.ts';
