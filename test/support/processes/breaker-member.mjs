// One process of a fleet that has only Redis and circuit breakers, from dist/, and does what it is told by
// messages. It lives as long as its parent.
import 'reflect-metadata';

/**
 * The built module with the types of its source, because dist/ is not there when types are checked.
 * @param {string} path
 * @returns {Promise<unknown>}
 */
const built = (path) => import(new URL(`../../../dist/${path}`, import.meta.url).href);

const { SystemClock } = /** @type {typeof import('../../../src/common/clock.js')} */ (
  await built('common/clock.js')
);
const { loadConfig } = /** @type {typeof import('../../../src/config/index.js')} */ (
  await built('config/index.js')
);
const { DistributedCircuitBreakerService } =
  /** @type {typeof import('../../../src/core/circuit-breaker/index.js')} */ (
    await built('core/circuit-breaker/index.js')
  );
const { createLogger } = /** @type {typeof import('../../../src/infrastructure/logging/index.js')} */ (
  await built('infrastructure/logging/index.js')
);
const { Metrics } = /** @type {typeof import('../../../src/infrastructure/metrics/index.js')} */ (
  await built('infrastructure/metrics/index.js')
);
const { RedisService } = /** @type {typeof import('../../../src/infrastructure/redis/index.js')} */ (
  await built('infrastructure/redis/index.js')
);

const config = loadConfig(process.env);
const [logger, metrics] = [createLogger('silent'), new Metrics()];
const redis = new RedisService(config, logger, metrics);
const service = new DistributedCircuitBreakerService(config, redis, new SystemClock(), logger, metrics);

/** @type {Map<string, { breaker: import('../../../src/core/circuit-breaker/index.js').Breaker, openings: number }>} */
const members = new Map();
/** @param {string} name */
const memberOf = (name) => {
  const member = members.get(name);
  if (member === undefined) throw new Error(`nobody has made ${name}`);
  return member;
};

/** @type {import('../breaker-fleet.js').MemberCommands} */
const commands = {
  create: (name, options) => {
    const breaker = service.create(name, options);
    const member = { breaker, openings: 0 };
    members.set(name, member);
    breaker.onChange(({ to }) => {
      if (to === 'open') member.openings += 1;
    });
  },
  report: (name) => {
    const { breaker, openings } = memberOf(name);
    return { ...breaker.report(), openings };
  },
  setMode: async (name, mode) => {
    await service.setMode(name, mode);
  },
  call: async (name, outcome, times) => {
    let made = 0;
    const action = () => {
      made += 1;
      return outcome === 'success' ? Promise.resolve() : Promise.reject(new Error('down'));
    };
    const { breaker } = memberOf(name);
    for (let call = 0; call < times; call += 1) await breaker.execute(action).catch(() => undefined);
    return made;
  },
  probe: async (name, signal) => {
    const { breaker } = memberOf(name);
    // Nobody calls who has seen the recovery: what is made was a probe.
    if (breaker.report().state === 'closed') return 0;
    let probes = 0;
    const action = async () => {
      if (breaker.report().state === 'closed') return;
      probes += 1;
      if (signal !== null) process.kill(process.pid, signal);
      await new Promise((resolve) => setTimeout(resolve, 5));
    };
    await breaker.execute(action).catch(() => undefined);
    return probes;
  },
};

process.on('message', (message) => {
  const { id, command, args } =
    /** @type {{ id: number, command: keyof typeof commands, args: unknown[] }} */ (message);
  const run = /** @type {(...args: unknown[]) => unknown} */ (commands[command]);
  void Promise.resolve(run(...args)).then((value) => process.send?.({ id, value }));
});
process.on('disconnect', () => process.exit());
process.send?.({ id: 0 });
