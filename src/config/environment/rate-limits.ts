import { bool } from 'envalid';
import { int, list } from './validators.js';

/** Who may ask how often. */
export const RATE_LIMITS = {
  RATE_LIMIT_ENABLED: bool({ default: true, desc: 'Switch of all rate limits.' }),
  RATE_LIMIT_PER_MINUTE: int(
    1,
    10_000_000,
  )({ default: 1200, desc: 'Requests per minute and client address.' }),
  RATE_LIMIT_AUTH_PER_MINUTE: int(
    1,
    10_000_000,
  )({ default: 30, desc: 'Registrations, log-ins and refreshes per minute and client address.' }),
  RATE_LIMIT_USER_PER_MINUTE: int(
    1,
    10_000_000,
  )({ default: 1200, desc: 'Requests per minute and signed-in user, from whatever addresses.' }),
  RATE_LIMIT_API_KEY_PER_MINUTE: int(
    1,
    10_000_000,
  )({ default: 6000, desc: 'Requests per minute and API key, instead of those of its address.' }),
  RATE_LIMIT_API_KEYS: list({
    default: [],
    desc: 'Known API keys (header `X-Api-Key`): `name:SHA-256 in hex`, comma separated. An unknown key counts for nothing.',
  }),
  RATE_LIMIT_LOGIN_PER_QUARTER_HOUR: int(
    1,
    10_000,
  )({ default: 10, desc: 'Failed log-ins per quarter of an hour, account and client network.' }),
  RATE_LIMIT_LOGIN_PER_HOUR: int(
    1,
    100_000,
  )({
    default: 30,
    desc: 'Failed log-ins per hour and account from all networks where its owner has not signed in within 30 days.',
  }),
  RATE_LIMIT_LOGIN_PER_DAY: int(1, 100_000)({ default: 100, desc: 'The same per day.' }),
  RATE_LIMIT_REGISTRATIONS_PER_HOUR: int(
    1,
    10_000,
  )({ default: 10, desc: 'Attempts per hour to register one e-mail address.' }),
  RATE_LIMIT_SHADOW: list({
    default: [],
    desc: 'Policies that count and refuse nobody, comma separated, of `default`, `auth`, `user`, `api-key`, `login`, `login-account`, `login-account-day`, `registration`.',
  }),
  RATE_LIMIT_DENY_WITHOUT_REDIS: list({
    default: [],
    desc: 'Policies of the same list under which nobody passes while Redis is away; the others are decided from memory.',
  }),
  RATE_LIMIT_EXPECTED_PODS: int(
    1,
    10_000,
  )({
    default: 1,
    desc: 'Processes that share the limits, until Redis has told how many there are.',
  }),
  FEATURE_RATE_LIMITER: bool({
    default: true,
    desc: 'Rate limits are shared by all processes through Redis; off: each process limits by itself.',
  }),
};
