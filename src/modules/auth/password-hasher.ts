import { randomBytes } from 'node:crypto';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { Piscina } from 'piscina';
import { Problem } from '../../common/problem.js';
import { AppConfig } from '../../config/index.js';
import { Metrics } from '../../infrastructure/metrics/index.js';

export type PasswordHashTask =
  | { readonly kind: 'hash'; readonly password: string }
  | { readonly kind: 'verify'; readonly password: string; readonly passwordHash: string };

/** Threads that nobody needed for this long end and give their memory back. */
const IDLE_THREAD_MS = 30_000;
const RETRY_AFTER_SECONDS = 2;

/** The worker lies beside this file and was compiled, or not, together with it. */
const WORKER_FILE = fileURLToPath(
  new URL(`./password-hash.worker${extname(fileURLToPath(import.meta.url))}`, import.meta.url),
);

/**
 * Hashes and checks passwords (argon2id) in PASSWORD_HASH_THREADS threads of its own.
 *
 * The asynchronous functions of the argon2 library would do without threads of ours, but they run in
 * libuv's pool, whose four threads also resolve names, read files and sign tokens: a wave of log-ins
 * would stop those. Here it can only fill its own queue, PASSWORD_HASH_QUEUE_MAX long; beyond that the
 * caller is refused at once with AUTH_BUSY. Memory is bounded by 19 MiB a thread.
 *
 * A password is any text; it is compared after NFKC (NIST SP 800-63B, 3.1.1.2), so that it does not
 * matter how a keyboard composes its accents.
 */
@Injectable()
export class PasswordHasher implements OnModuleDestroy {
  private readonly pool: Piscina<PasswordHashTask, string | boolean>;
  private readonly queueMax: number;

  constructor({ env }: AppConfig, metrics: Metrics) {
    this.queueMax = env.PASSWORD_HASH_QUEUE_MAX;
    this.pool = new Piscina({
      filename: WORKER_FILE,
      minThreads: 0,
      maxThreads: env.PASSWORD_HASH_THREADS,
      idleTimeout: IDLE_THREAD_MS,
      // Ours is checked first; this one only backs it.
      maxQueue: env.PASSWORD_HASH_QUEUE_MAX + env.PASSWORD_HASH_THREADS,
    });
    metrics.reading({
      name: 'auth_password_hash_queue_length',
      help: 'Passwords that wait for a thread',
      read: () => this.pool.queueSize,
    });
  }

  /** A PHC string. @throws Problem AUTH_BUSY when too many passwords are waiting. */
  async hash(password: string): Promise<string> {
    return String(await this.run({ kind: 'hash', password: password.normalize('NFKC') }));
  }

  /**
   * Whether the password belongs to the hash. With null, for an account that does not exist, it takes as
   * long as a wrong password and is false. @throws Problem AUTH_BUSY when too many passwords are waiting.
   */
  async verify(password: string, passwordHash: string | null): Promise<boolean> {
    const result = await this.run({
      kind: 'verify',
      password: password.normalize('NFKC'),
      passwordHash: passwordHash ?? decoyHash(),
    });
    return passwordHash !== null && result === true;
  }

  async onModuleDestroy(): Promise<void> {
    await this.pool.destroy();
  }

  private async run(task: PasswordHashTask): Promise<string | boolean> {
    if (this.pool.queueSize >= this.queueMax) {
      throw new Problem('AUTH_BUSY', { retryAfterSeconds: RETRY_AFTER_SECONDS });
    }
    return this.pool.run(task);
  }
}

/** Nobody's password: a random digest under the parameters that real hashes have. */
function decoyHash(): string {
  const encode = (bytes: number) => randomBytes(bytes).toString('base64').replaceAll('=', '');
  return `$argon2id$v=19$m=19456,t=2,p=1$${encode(16)}$${encode(32)}`;
}
