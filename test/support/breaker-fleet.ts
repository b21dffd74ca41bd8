import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { BreakerOptions } from '../../src/core/circuit-breaker/index.js';
import type { BreakerReport, CircuitMode } from '../../src/core/circuit-breaker/circuit-breaker.js';
import { waitFor } from './wait-for.js';

const MEMBER = join(import.meta.dirname, 'processes/breaker-member.mjs');
const RECOVERY_DEADLINE_MS = 60_000;

type MaybePromise<T> = T | Promise<T>;

/** What a member does when it is told; the name is that of a breaker. */
export interface MemberCommands {
  readonly create: (name: string, options: Partial<BreakerOptions>) => void;
  /** With the times that the process has seen it open. */
  readonly report: (name: string) => BreakerReport & { readonly openings: number };
  readonly setMode: (name: string, mode: CircuitMode) => Promise<void>;
  /** Calls one after the other; how many were made, and not refused. */
  readonly call: (name: string, outcome: 'success' | 'failure', times: number) => Promise<number>;
  /** A call unless the circuit is closed; 1 when it was made. The process sends itself the signal in the middle of it. */
  readonly probe: (name: string, signal: NodeJS.Signals | null) => Promise<number>;
}

/** A process of a {@link BreakerFleet}. */
export class BreakerMember {
  private lastId = 0;
  private readonly waiting = new Map<number, (value: unknown) => void>();

  private constructor(
    private readonly child: ChildProcess,
    private readonly breaker: string,
  ) {
    child.on('message', ({ id, value }: { id: number; value: unknown }) => {
      this.waiting.get(id)?.(value);
      this.waiting.delete(id);
    });
  }

  static async start(environment: Record<string, string>, breaker: string): Promise<BreakerMember> {
    const child = fork(MEMBER, { env: { PATH: process.env['PATH'], ...environment } });
    // A test run that is cut off must not leave the process behind; its channel ends it as well.
    const kill = () => child.kill('SIGKILL');
    process.once('exit', kill);
    child.once('exit', () => process.off('exit', kill));
    await Promise.race([
      once(child, 'message'),
      once(child, 'exit').then(() => {
        throw new Error('a member of the fleet ended at its start');
      }),
    ]);
    return new BreakerMember(child, breaker);
  }

  tell<Command extends keyof MemberCommands>(
    command: Command,
    ...args: Parameters<MemberCommands[Command]> extends [string, ...infer Rest] ? Rest : never
  ): Promise<Awaited<ReturnType<MemberCommands[Command]>>> {
    const id = (this.lastId += 1);
    return new Promise((resolve) => {
      this.waiting.set(id, resolve as (value: unknown) => void);
      this.child.send({ id, command, args: [this.breaker, ...args] });
    });
  }

  async state(): Promise<string> {
    return (await this.tell('report')).state;
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  /** Asks until it is let through, and then sends itself the signal in the middle of its probe. */
  async probeAnd(signal: NodeJS.Signals): Promise<number> {
    let made = 0;
    while (made === 0) made = await this.tell('probe', signal);
    return made;
  }

  /** True between SIGSTOP and SIGCONT. */
  get isStopped(): boolean {
    const { pid = 0 } = this.child;
    return execFileSync('ps', ['-o', 'state=', '-p', String(pid)], { encoding: 'utf8' }).startsWith('T');
  }

  get isAlive(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  async kill(): Promise<void> {
    if (!this.isAlive) return;
    const exit = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await exit;
  }
}

/** Processes that share one breaker of a name, each light enough that there can be eight. */
export class BreakerFleet {
  private constructor(readonly members: readonly BreakerMember[]) {}

  static async start(
    size: number,
    environment: Record<string, string>,
    name: string,
    options: Partial<BreakerOptions>,
  ): Promise<BreakerFleet> {
    const members = await Promise.all(
      Array.from({ length: size }, () => BreakerMember.start(environment, name)),
    );
    await Promise.all(members.map((each) => each.tell('create', options)));
    const fleet = new BreakerFleet(members);
    await fleet.waitUntilShared();
    return fleet;
  }

  at(turn: number): BreakerMember {
    const member = this.members[turn % this.members.length];
    if (member === undefined) throw new Error('a fleet has at least one member');
    return member;
  }

  waitUntilShared(): Promise<void> {
    return waitFor(
      'every process to share its state',
      async () => (await this.all((each) => each.tell('report'))).every(({ isShared }) => isShared),
      RECOVERY_DEADLINE_MS,
    );
  }

  all<T>(ask: (member: BreakerMember) => MaybePromise<T>): Promise<T[]> {
    return Promise.all(this.members.map(ask));
  }

  async waitForState(state: string, members: readonly BreakerMember[] = this.members): Promise<void> {
    await waitFor(
      `${state} on every process`,
      async () =>
        (await Promise.all(members.map((each) => each.state()))).every((present) => present === state),
      RECOVERY_DEADLINE_MS,
    );
  }

  /** Calls at every process until all know the recovery; how many probes that took. */
  async recover(members: readonly BreakerMember[] = this.members): Promise<number> {
    let probes = 0;
    await waitFor(
      'the recovery',
      async () => {
        const made = await Promise.all(members.map((each) => each.tell('probe', null)));
        probes += made.reduce((sum, each) => sum + each, 0);
        return (await Promise.all(members.map((each) => each.state()))).every((state) => state === 'closed');
      },
      RECOVERY_DEADLINE_MS,
    );
    return probes;
  }

  async close(): Promise<void> {
    await Promise.all(this.members.map((each) => each.kill()));
  }
}
