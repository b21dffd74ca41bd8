// @ts-check
// How much of everything a load takes: measured figures times the load, against the shipped configuration.

/**
 * @typedef {import('./shipped.mjs').Shipped} Shipped
 * @typedef {import('./measured.mjs').Measured} Measured
 *
 * @typedef {object} Load
 * @property {number} rps
 * @property {number} users that are signed in
 * @property {{ reads: number, soldOut: number, orders: number }} mix shares; they sum to 1
 * @property {number} headroom share of each core that stays free
 * @property {number} coresPerPod
 *
 * @typedef {object} Resource
 * @property {string} name
 * @property {number} used
 * @property {number} capacity
 * @property {string} unit
 * @property {'requests' | 'users' | 'pods'} growsWith
 * @property {string} basis where the two numbers come from, in words
 *
 * @typedef {ReturnType<typeof planCapacity>} Plan
 */

/** A process of Node has one thread for JavaScript, whatever the pod may use. */
const CORES_OF_A_PROCESS = 1;
/** Within so long a process reports to Redis what it admitted on credit (ADR 0011). */
const REPORT_SECONDS = 5;

/**
 * How many decisions of the rate limiter may have to ask Redis. Reads are limited by address; who is signed in
 * also by user. A process asks for a subject once and not again before its next report, so few users at few
 * pods are less than one for each limit.
 *
 * @param {Load} load
 * @param {number} pods
 */
function limiterCommands({ rps, users, mix }, pods) {
  return Math.min(rps * (1 + mix.soldOut + mix.orders), (2 * users * pods) / REPORT_SECONDS);
}

/**
 * What one pod answers with all of its core. The bench's few buyers come often enough to be decided in the
 * process; here every decision that may ask Redis is paid on top.
 *
 * @param {Load} load
 * @param {Shipped} shipped
 * @param {Measured} measured
 */
function requestsOfAPod(load, shipped, measured) {
  const { mix, rps, coresPerPod } = load;
  const reads = (measured.productListMicros.value + measured.productDetailMicros.value) / 2;
  const asking =
    (limiterCommands(load, shipped.podsMax) / rps) * (1e6 / measured.limitedRequestsPerSecond.value);
  const micros =
    mix.reads * reads +
    mix.soldOut * measured.refusalMicros.value +
    mix.orders * measured.orderMicros.value +
    asking;
  return { micros, perSecond: (Math.min(coresPerPod, CORES_OF_A_PROCESS) * 1e6) / micros };
}

/**
 * @param {Load} load
 * @param {Shipped} shipped
 * @param {Measured} measured
 */
export function planCapacity(load, shipped, measured) {
  const { rps, users, mix, headroom, coresPerPod } = load;
  const { micros, perSecond: podRps } = requestsOfAPod(load, shipped, measured);
  const podsByCpu = Math.ceil(rps / (podRps * (1 - headroom)));
  const podsByRequests = Math.ceil(rps / shipped.requestsTarget);
  const podsWanted = Math.max(podsByCpu, podsByRequests, shipped.podsMin);
  const pods = Math.min(podsWanted, shipped.podsMax);
  const [soldOut, orders] = [rps * mix.soldOut, rps * mix.orders];
  const vCpu = pods * coresPerPod + shipped.workers * shipped.coresPerWorker;

  const asked = limiterCommands(load, pods);
  // At most the note of the key for either; an order also notes how fresh its buyer's reads have to be.
  const mainCommands = soldOut + 2 * orders;
  const idleCommands = (pods + shipped.workers) * measured.idleRedisCommands.value;
  const redisPerSecond = 1e6 / measured.limitDecisionMicros.value;

  /** @type {Resource[]} */
  const resources = [
    {
      name: 'processor of the pods, at the maximum of them',
      used: rps / podRps,
      capacity: shipped.podsMax * (1 - headroom),
      unit: 'pods wholly busy',
      growsWith: 'requests',
      basis: `${micros.toFixed(1)} µs a request, of measured ones; maxReplicas and the headroom`,
    },
    {
      name: 'Redis of the rate limits, one server',
      used: asked,
      capacity: redisPerSecond * (1 - headroom),
      unit: 'commands/s',
      growsWith: 'requests',
      basis: 'computed: every request at a pod that does not know its client; measured µs of a decision',
    },
    {
      name: 'main Redis, one server',
      used: mainCommands + idleCommands,
      capacity: redisPerSecond * (1 - headroom),
      unit: 'commands/s',
      growsWith: 'requests',
      basis:
        'computed: a note for each refusal, two for each order; taken as dear as a decision of the limiter',
    },
    {
      name: 'PostgreSQL, orders of one variant',
      used: orders,
      capacity: measured.ordersPerSecond.value,
      unit: 'orders/s',
      growsWith: 'requests',
      basis: 'measured with one process, PostgreSQL sharing its core with the buyers: a floor',
    },
    {
      name: 'audit log, one writer',
      used: orders,
      capacity: measured.auditEventsPerSecond.value,
      unit: 'events/s',
      growsWith: 'requests',
      basis: 'one event for each order; measured with one process',
    },
    {
      name: 'memory of the Redis of the sessions',
      used: users * measured.sessionBytes.value,
      capacity: shipped.sessionBytesMax,
      unit: 'bytes',
      growsWith: 'users',
      basis: 'measured bytes of a session; maxmemory',
    },
    {
      name: 'clients of one PgBouncer',
      used: pods * shipped.connectionsPerPod + shipped.workers * shipped.connectionsPerWorker,
      capacity: shipped.poolerClientsMax,
      unit: 'connections',
      growsWith: 'pods',
      basis: 'pool sizes of configmap.yaml; max_client_conn',
    },
    {
      name: 'connections of one PostgreSQL',
      used: shipped.serverConnections,
      capacity: shipped.serverConnectionsMax,
      unit: 'connections',
      growsWith: 'pods',
      basis: 'pool_size of pgbouncer.yaml times its pods; max_connections less the reserve',
    },
    {
      name: 'quota of CPU',
      used: vCpu,
      capacity: shipped.quotaCores,
      unit: 'cores',
      growsWith: 'pods',
      basis: 'requests of deployment.yaml and worker.yaml; namespace.yaml',
    },
  ];
  return {
    load,
    podRps,
    micros,
    podsByCpu,
    podsByRequests,
    podsWanted,
    pods,
    vCpu,
    orders,
    soldOut,
    statements: {
      refusals: soldOut * measured.refusalStatements.value,
      orders: orders * measured.orderStatements.value,
      idle: (pods + shipped.workers) * measured.idleStatements.value,
    },
    redis: { limiter: asked, main: mainCommands, idle: idleCommands },
    resources,
    first: saturatesFirst(resources, load),
  };
}

/** A share of what there is. @param {Resource} resource */
export const shareOf = ({ used, capacity }) => used / capacity;

/**
 * What is full at the least multiple of the load, and how much that is. What grows with pods is bounded by
 * their maximum, which `npm run check:deploy` holds against it.
 *
 * @param {readonly Resource[]} resources
 * @param {{ rps: number, users: number }} load
 */
function saturatesFirst(resources, { rps, users }) {
  const growing = resources.filter(({ growsWith }) => growsWith !== 'pods');
  const [first, second] = growing.toSorted((one, other) => shareOf(other) - shareOf(one));
  if (first === undefined) throw new Error('nothing grows with the load');
  const atLoad = (/** @type {Resource} */ resource) => ({
    resource,
    share: shareOf(resource),
    at: (resource.growsWith === 'users' ? users : rps) / shareOf(resource),
  });
  return { ...atLoad(first), next: second === undefined ? null : atLoad(second) };
}
