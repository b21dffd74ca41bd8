import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { findFreePort } from '../../scripts/services/ports.mjs';
import { GatewayInFront } from './gateway/gateway-in-front.js';
import { waitFor } from './wait-for.js';

const ENTRY = join(import.meta.dirname, '../../dist/main.js');
/** Two cores may be shared by ten that start. */
const READY_DEADLINE_MS = 60_000;
const OUTPUT_KEPT = 20_000;

/** The built application as an operating-system process of its own, which may be killed and started again. */
export class AppProcess {
  private child: ChildProcess | null = null;
  private output = '';
  private gateway: GatewayInFront | null = null;
  private gatewayPort: number | undefined;

  private constructor(
    readonly port: number,
    readonly managementPort: number,
    private readonly environment: Record<string, string>,
    private readonly outputKept: number,
  ) {}

  /** @param outputKept of its log, characters */
  static async start(environment: Record<string, string>, outputKept = OUTPUT_KEPT): Promise<AppProcess> {
    const application = new AppProcess(await findFreePort(), await findFreePort(), environment, outputKept);
    await application.start();
    return application;
  }

  get url(): string {
    return `http://127.0.0.1:${String(this.gatewayPort ?? this.port)}`;
  }

  get managementUrl(): string {
    return `http://127.0.0.1:${String(this.managementPort)}`;
  }

  get pid(): number {
    if (this.child?.pid === undefined) throw new Error('the process is not running');
    return this.child.pid;
  }

  /** What the process has written lately, for the message of a failing test. */
  get log(): string {
    return this.output;
  }

  async start(): Promise<void> {
    const child = spawn(process.execPath, ['--enable-source-maps', ENTRY], {
      env: {
        PATH: process.env['PATH'],
        ...this.environment,
        HOST: '127.0.0.1',
        PORT: String(this.port),
        MANAGEMENT_PORT: String(this.managementPort),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child = child;
    // A test run that is cut off must not leave the process behind.
    const kill = () => child.kill('SIGKILL');
    process.once('exit', kill);
    child.once('exit', () => process.off('exit', kill));
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        this.output = (this.output + chunk.toString()).slice(-this.outputKept);
      });
    }
    try {
      await this.waitUntilReady(child);
      this.gateway ??= await GatewayInFront.start(this.port, this.gatewayPort);
      this.gatewayPort = this.gateway?.port;
    } catch (error) {
      kill();
      throw error;
    }
  }

  private waitUntilReady(child: ChildProcess): Promise<void> {
    return waitFor(
      `the process on port ${String(this.port)}`,
      async () => {
        if (child.exitCode !== null) throw new Error(`the process ended at its start:\n${this.output}`);
        const answer = await fetch(`${this.managementUrl}/health/ready`).catch(() => null);
        return answer?.status === 200;
      },
      READY_DEADLINE_MS,
    );
  }

  signal(name: NodeJS.Signals): void {
    this.child?.kill(name);
  }

  /** Resolves with the exit code, null when a signal ended the process. */
  async stop(name: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    const { child } = this;
    if (child !== null && child.exitCode === null && child.signalCode === null) {
      const exit = once(child, 'exit');
      child.kill(name);
      await exit;
    }
    await this.gateway?.stop();
    this.gateway = null;
    return child?.exitCode ?? null;
  }

  /** The present value of a series, or the sum over all series of a metric; 0 when there is none. */
  async metric(nameOrSeries: string): Promise<number> {
    const text = await (await fetch(`${this.managementUrl}/metrics`)).text();
    return text
      .split('\n')
      .filter((line) => line.startsWith(`${nameOrSeries} `) || line.startsWith(`${nameOrSeries}{`))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }
}
