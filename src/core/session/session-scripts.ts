import { RedisScript } from '../../infrastructure/redis/index.js';
import type { RotationRefusal } from './session-store.js';

export type RotationReply =
  | { readonly kind: 'rotated'; readonly subject: string; readonly lifeMs: number }
  | { readonly kind: 'refused'; readonly reason: RotationRefusal };

const file = (name: string): URL => new URL(`./scripts/${name}.lua`, import.meta.url);

/** The scripts of this folder; each file's header says what its KEYS and ARGV are. */
export const sessionScripts = {
  familyCreate: new RedisScript(file('family-create'), Number),
  familyRotate: new RedisScript(file('family-rotate'), parseRotation),
  familyRevoke: new RedisScript(file('family-revoke'), Number),
  subjectRevoke: new RedisScript(file('subject-revoke'), Number),
} as const;

function parseRotation(reply: unknown): RotationReply {
  const [code, subject, lifeMs] = reply as [string, string?, number?];
  switch (code) {
    case 'rotated':
      return { kind: 'rotated', subject: String(subject), lifeMs: Number(lifeMs) };
    case 'unknown':
    case 'reused':
    case 'expired':
      return { kind: 'refused', reason: code };
    default:
      throw new Error(`family-rotate.lua answered ${code}`);
  }
}
