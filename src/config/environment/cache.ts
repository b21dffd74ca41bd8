import { int } from './validators.js';

/** The cache of answers. */
export const CACHE = {
  CACHE_MAX_BYTES: int(
    1_048_576,
    4_294_967_296,
  )({ default: 67_108_864, desc: 'Memory for ready-made catalogue answers.' }),
  CACHE_TTL_SECONDS: int(
    1,
    3600,
  )({ default: 60, desc: 'Longest life of a cached catalogue answer, jittered by a tenth.' }),
};
