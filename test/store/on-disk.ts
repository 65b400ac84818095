import { type Connection, openWriter } from '../../src/store/driver.ts';
import { migrate, verifyOurs } from '../../src/store/migrate.ts';
import { startRun } from '../../src/store/runs.ts';
import { Session } from '../../src/store/session.ts';
import { Writer } from '../../src/store/writer.ts';
import { NOON } from './sample.ts';

const RUN = '00000000000000cc';

/** The writer over a connection that a test has in hand, to take the medium from under it. */
export function writerOn(file: string): { connection: Connection; session: Session; writer: Writer } {
  const connection = openWriter(file, (opened) => verifyOurs(opened, file));
  migrate(connection);
  const session = new Session(connection);
  connection.transaction(() => startRun(session, RUN, NOON)).immediate();
  return { connection, session, writer: new Writer(session) };
}
