import { bool } from 'envalid';
import { int } from './validators.js';

/** What an overloaded process turns away. */
export const LOAD_SHEDDING = {
  FEATURE_LOAD_SHEDDING: bool({
    default: true,
    desc: 'Turn requests away in an overload, the least important first.',
  }),
  LOAD_SHEDDING_DELAY_TARGET_MS: int(
    1,
    1000,
  )({ default: 50, desc: 'Standing delay of the event loop from which on requests are turned away.' }),
  LOAD_SHEDDING_LIMIT_MIN: int(
    1,
    100_000,
  )({ default: 256, desc: 'Lower bound of the adaptive limit on open requests.' }),
  LOAD_SHEDDING_LIMIT_MAX: int(
    1,
    100_000,
  )({ default: 10_000, desc: 'Its upper bound, and the most open requests of critical routes.' }),
  LOAD_SHEDDING_IMPORTANT_SHARE_PERCENT: int(
    0,
    100,
  )({
    default: 30,
    desc: 'Share of the limit that carts, accounts and administration keep when it is reached.',
  }),
  LOAD_SHEDDING_ORDINARY_SHARE_PERCENT: int(
    0,
    100,
  )({ default: 10, desc: 'Share of the limit that browsing keeps when it is reached.' }),
};
