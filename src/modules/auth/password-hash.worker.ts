import { hashSync, verifySync } from '@node-rs/argon2';
import type { PasswordHashTask } from './password-hasher.js';

/**
 * Argon2id with 19 MiB, 2 passes, 1 lane: the minimum of the OWASP Password Storage Cheat Sheet
 * (2025), which it prefers for servers that hash many passwords at once. `algorithm: 2` is argon2id;
 * the enum is `const` and does not exist at run time.
 */
const PARAMETERS = { algorithm: 2, memoryCost: 19_456, timeCost: 2, parallelism: 1, outputLen: 32 };

/** One task of the pool. Stored text that is no argon2 hash matches no password. */
export default function run(task: PasswordHashTask): string | boolean {
  if (task.kind === 'hash') return hashSync(task.password, PARAMETERS);
  try {
    return verifySync(task.passwordHash, task.password);
  } catch {
    return false;
  }
}
