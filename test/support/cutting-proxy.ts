import { connect, createServer, type Socket } from 'node:net';

/** Between a client and a server on loopback: it can cut a connection at a word that the client says. */
export interface CuttingProxy {
  readonly port: number;
  /**
   * Cuts the next connection on which the client says `word`: `before` it reaches the server, or `after`,
   * so that the server hears it and the client does not hear the answer.
   */
  cutAt(word: string, when: 'before' | 'after'): void;
  close(): Promise<void>;
}

export async function startCuttingProxy(target: number): Promise<CuttingProxy> {
  let order: { readonly word: string; readonly when: 'before' | 'after' } | undefined;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => sockets.delete(socket));
    }
    let cut = false;
    client.on('data', (said) => {
      if (cut || order === undefined || !said.includes(order.word)) return void upstream.write(said);
      const { when } = order;
      order = undefined;
      cut = true;
      // The server's side stays open: as when a network breaks, it hears no end.
      if (when === 'after') upstream.write(said);
      client.destroy();
    });
    upstream.on('data', (said) => {
      if (!cut) client.write(said);
    });
    client.on('end', () => cut || upstream.end());
    upstream.on('close', () => client.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    cutAt: (word, when) => {
      order = { word, when };
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
