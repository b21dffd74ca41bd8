import { bool, str } from 'envalid';
import { emailAddress, int, list, password } from './validators.js';

export type SessionLimitPolicy = 'evict' | 'reject';

/** Keys, tokens, sessions, passwords, the first administrator. */
export const ACCOUNTS = {
  JWT_PRIVATE_KEY: str({ default: '', desc: 'RSA private key (PEM) that signs access tokens.' }),
  JWT_PRIVATE_KEY_FILE: str({ default: '', desc: 'File with that key.' }),
  JWT_PREVIOUS_PUBLIC_KEY_FILES: list({
    default: [],
    desc: 'Public keys (PEM files) of retired signing keys that are still accepted, comma separated.',
  }),
  ACCESS_TOKEN_TTL_SECONDS: int(30, 3600)({ default: 900, desc: 'Life of an access token.' }),
  REFRESH_TOKEN_TTL_SECONDS: int(
    1,
    7_776_000,
  )({
    default: 604_800,
    desc: 'Idle timeout: life of a session and of its refresh token since the last use.',
  }),
  SESSION_ABSOLUTE_TTL_SECONDS: int(
    1,
    7_776_000,
  )({
    default: 2_592_000,
    desc: 'Absolute timeout: life of a session however much it is used (30 days, NIST SP 800-63B).',
  }),
  SESSIONS_PER_USER_MAX: int(1, 50)({ default: 50, desc: 'Most sessions of one user.' }),
  SESSION_LIMIT_POLICY: str<SessionLimitPolicy>({
    choices: ['evict', 'reject'],
    default: 'evict',
    desc: 'One session more than that: ends the one that would end first, or is refused.',
  }),
  SESSION_TOUCH_INTERVAL_SECONDS: int(
    1,
    3600,
  )({ default: 300, desc: 'Least pause between two notes that a session is in use.' }),
  SESSION_REVOCATION_POLL_MS: int(
    100,
    60_000,
  )({
    default: 2000,
    desc: 'Pause between two looks for ended sessions, which are pushed as well: the longest that a process misses one.',
  }),
  FEATURE_SESSION_REVOCATION: bool({
    default: true,
    desc: 'Access tokens of ended sessions are refused at once; off: they work until they expire.',
  }),
  FEATURE_SESSION_TOUCH: bool({
    default: true,
    desc: 'Requests note that their session is in use; off: only refreshes do.',
  }),
  FIELD_ENCRYPTION_KEYS: str({
    default: '',
    desc: 'Keys for personal data: `id:base64(32 bytes)`, comma separated; the first encrypts, all decrypt.',
  }),
  BLIND_INDEX_KEY: str({
    default: '',
    desc: 'Key (base64, 32 bytes) of the keyed hash that finds an encrypted e-mail address.',
  }),
  CURSOR_SIGNING_KEY: str({
    default: '',
    desc: 'Key (base64, 32 bytes) that signs list cursors; the same on every instance.',
  }),
  REFUSE_EPHEMERAL_KEYS: bool({
    default: false,
    desc: 'Refuse to start when a key is not configured, instead of making one that ends with the process; the image sets it.',
  }),
  PASSWORD_HASH_THREADS: int(1, 16)({ default: 2, desc: 'Threads that hash passwords.' }),
  PASSWORD_HASH_QUEUE_MAX: int(
    1,
    10_000,
  )({ default: 200, desc: 'Passwords that may wait for a thread; more are refused.' }),

  ADMIN_EMAIL: emailAddress({
    default: '',
    desc: 'Address of the administrator whom the seed makes when there is none; empty: it makes nobody.',
  }),
  ADMIN_PASSWORD: password({ default: '', desc: 'Password of that administrator; used once.' }),
  SEED_DEMO_SHOP: bool({
    default: true,
    desc: 'The seed fills an empty catalogue with the demo shop; off: it only makes the administrator (the image has no demo shop).',
  }),
};
