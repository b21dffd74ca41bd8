import { Redis as Connection } from 'ioredis';

/** Anything that stands for a server process: those of scripts/services, and AppProcess-like fakes. */
interface Process {
  kill(signal?: NodeJS.Signals): void;
}

/** Runs while the server hangs (SIGSTOP): it accepts connections and answers nothing. It goes on afterwards in any case. */
export async function whileFrozen<T>(
  servers: Process | readonly Process[],
  run: () => Promise<T>,
): Promise<T> {
  const all = [servers].flat() as readonly Process[];
  for (const server of all) server.kill('SIGSTOP');
  try {
    return await run();
  } finally {
    for (const server of all) server.kill('SIGCONT');
  }
}

/** Forgets the scripts, as a restart or a failover does. */
export async function flushScripts(url: string): Promise<void> {
  await onServer(url, (server) => server.script('FLUSH', 'SYNC'));
}

/** Commands (or only writes) of all clients wait on the server for so long; then they are executed. */
export async function pauseClients(url: string, ms: number, which: 'ALL' | 'WRITE' = 'ALL'): Promise<void> {
  await onServer(url, (server) => server.call('CLIENT', 'PAUSE', String(ms), which));
}

/** One administrative command on a connection of its own, with patience. */
export async function onServer<T>(url: string, run: (server: Connection) => Promise<T>): Promise<T> {
  const server = new Connection(url, { maxRetriesPerRequest: null });
  server.on('error', () => undefined);
  try {
    return await run(server);
  } finally {
    server.disconnect();
  }
}
