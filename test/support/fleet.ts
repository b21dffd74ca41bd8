import { randomBytes } from 'node:crypto';
import { AppProcess } from './app-process.js';
import { anyAddress } from './impatient-client.js';
import { SignInClient } from './sign-in-client.js';
import { waitFor } from './wait-for.js';

const RECOVERY_DEADLINE_MS = 45_000;

export type HealthStatus = 'ok' | 'degraded' | 'error';

/** Several processes of the built application on the same PostgreSQL and Redis. */
export class Fleet {
  private constructor(readonly processes: readonly AppProcess[]) {}

  /** One after the other: a process that starts takes a core, and there may be two. */
  static async start(size: number, environment: Record<string, string>): Promise<Fleet> {
    const processes: AppProcess[] = [];
    try {
      while (processes.length < size) processes.push(await AppProcess.start(environment));
    } catch (error) {
      await Promise.all(processes.map((each) => each.stop('SIGKILL')));
      throw error;
    }
    return new Fleet(processes);
  }

  /** Counts round: turn after turn another process. */
  at(turn: number): AppProcess {
    const found = this.processes[turn % this.processes.length];
    if (found === undefined) throw new Error('a fleet has at least one process');
    return found;
  }

  /** What each process says of a series, or of the sum over all series of a metric. */
  metrics(nameOrSeries: string): Promise<number[]> {
    return Promise.all(this.processes.map((each) => each.metric(nameOrSeries)));
  }

  async sum(nameOrSeries: string): Promise<number> {
    return (await this.metrics(nameOrSeries)).reduce((sum, value) => sum + value, 0);
  }

  /** Waits until every process says the value of the series; `urge` makes happen what only a call can. */
  waitForMetric(
    series: string,
    isWanted: (value: number) => boolean,
    urge: () => Promise<unknown> = () => Promise.resolve(),
  ): Promise<void> {
    return waitFor(
      `${series} on every process`,
      async () => {
        await urge();
        return (await this.metrics(series)).every(isWanted);
      },
      RECOVERY_DEADLINE_MS,
    );
  }

  /** The report is up to a second old, and a dependency counts as lost after two failures in a row. */
  waitForHealth(status: HealthStatus = 'ok'): Promise<void> {
    return waitFor(
      `every process to report ${status}`,
      async () => {
        const reports = await Promise.all(this.processes.map(({ url }) => reportOf(url)));
        return reports.every((report) => report === status);
      },
      RECOVERY_DEADLINE_MS,
    );
  }

  /** Waits until every process knows sessions: then it can say that a token was never issued. */
  waitForSessions(deadlineMs = RECOVERY_DEADLINE_MS): Promise<void> {
    return waitFor(
      'every process to know sessions',
      async () => {
        const answers = await Promise.all(
          this.processes.map(({ url }) => {
            const client = new SignInClient(url);
            client.cookie = randomBytes(57).toString('base64url');
            return client.refresh({ 'x-forwarded-for': anyAddress() });
          }),
        );
        return answers.every(({ status }) => status === 401);
      },
      deadlineMs,
    );
  }

  /** What the processes answer at a path, one status each. */
  statusesOf(path: string): Promise<number[]> {
    return Promise.all(
      this.processes.map(async ({ url }) => {
        const answer = await fetch(url + path);
        await answer.arrayBuffer();
        return answer.status;
      }),
    );
  }

  async stop(name?: NodeJS.Signals): Promise<void> {
    await Promise.all(this.processes.map((each) => each.stop(name)));
  }
}

async function reportOf(url: string): Promise<string> {
  const answer = await fetch(`${url}/health`);
  const { status } = (await answer.json()) as { status: string };
  if (answer.status !== (status === 'error' ? 503 : 200))
    throw new Error(`the report "${status}" came with ${String(answer.status)}`);
  return status;
}
