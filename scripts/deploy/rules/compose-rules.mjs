// @ts-check
import { isApplication, KEPT_FROM_PROCESSES } from './compose-colour-rules.mjs';
import { found } from './pod-rules.mjs';

/**
 * @typedef {import('../manifests.mjs').Finding} Finding
 * @typedef {import('../compose-stack.mjs').Service} Service
 * @typedef {import('../compose-stack.mjs').Stack} Stack
 */

const GATEWAYS = ['nginx', 'traefik'];
/** What reaches the world by itself: the gateway, and who tells people of alerts. */
const ON_EDGE = [...GATEWAYS, 'alertmanager'];
/** Beyond what it promises itself, for a busy host. */
const GRACE_SPARE_SECONDS = 5;
const LOG_BYTES_MAX = 200_000_000;
const SECRET_NAME = /(KEY|KEYS|PASSWORD|TOKEN|SECRET)$/;
const SECRET_VALUE = /:\/\/[^/@\s]*:[^/@\s]+@/;

/**
 * One door: nothing but the gateway is published, and the inner network has no way out.
 *
 * @param {Stack} stack
 * @returns {Finding[]}
 */
export function exposure({ services, networks }) {
  const doors = [...services].filter(([, { ports = [] }]) => ports.length > 0).map(([name]) => name);
  return [
    ...found('compose-exposure', 'networks', [
      networks['internal']?.internal !== true && 'the network internal has a way out',
      doors.length !== 1 && `${String(doors.length)} services publish ports, not one`,
    ]),
    ...[...services].flatMap(([name, service]) =>
      found('compose-exposure', name, [
        doors.includes(name) && !GATEWAYS.includes(name) && 'publishes a port',
        networksOf(service).includes('edge') && !ON_EDGE.includes(name) && 'is on the network edge',
        networksOf(service).length === 0 && 'is on the default network',
        networksOf(service).some((network) => !(network in networks)) &&
          'is on a network that does not exist',
        service.network_mode !== undefined && 'leaves the networks of the stack',
        (service.volumes ?? []).some((volume) => volume.includes('docker.sock')) &&
          'has the socket of the engine, and with it the host',
      ]),
    ),
  ];
}

/**
 * What every container has: limits, a health check, logs that end, and as few rights as it can live with.
 *
 * @param {Stack} stack
 * @returns {Finding[]}
 */
export function containers({ services, volumes }) {
  return [...services].flatMap(([name, service]) => {
    const { memory, pids } = service.deploy?.resources?.limits ?? {};
    const { driver, options = {} } = service.logging ?? {};
    const logBytes = bytes(options['max-size'] ?? '0') * Number(options['max-file'] ?? 0);
    const image = service.image ?? '';
    return found('compose-containers', name, [
      !/:[\w.-]*\d+\.\d+[\w.-]*$|@sha256:[0-9a-f]{64}$/.test(image) && `${image} names no version`,
      memory === undefined && 'has no memory limit',
      pids === undefined && 'may start as many processes as it likes',
      driver !== 'json-file' && 'logs to where nobody turns the files over',
      !(logBytes > 0 && logBytes <= LOG_BYTES_MAX) && 'its log has no end',
      service.restart !== 'no' && (service.healthcheck?.test ?? []).length === 0 && 'has no health check',
      service.restart !== 'no' && service.restart !== 'unless-stopped' && 'stays away after a crash',
      service.stop_grace_period === undefined && 'is killed after 10 s',
      service.read_only !== true && 'has a writable root file system',
      service.cap_drop?.join() !== 'ALL' && 'keeps capabilities',
      (service.cap_add ?? []).length > 0 && !GATEWAYS.includes(name) && 'adds capabilities',
      service.security_opt?.includes('no-new-privileges:true') !== true && 'may gain privileges',
      (service.privileged === true || service.pid !== undefined) && 'is not contained',
      !GATEWAYS.includes(name) &&
        name !== 'collector' &&
        !(Number(service.user?.split(':')[0]) > 0) &&
        'runs as root',
      isApplication(service) &&
        !(Number(service.user?.split(':')[0]) >= 10_000) &&
        'is no user from 10000 on',
      ...(service.volumes ?? []).map((volume) => {
        const [source = ''] = volume.split(':');
        if (/^[./]/.test(source)) return !volume.endsWith(':ro') && `${source} of the host is writable`;
        return !(source in volumes) && `${source} is no volume of the stack`;
      }),
    ]);
  });
}

/**
 * @param {Stack} stack
 * @returns {Finding[]}
 */
export function shutdown({ services, settings }) {
  const value = (/** @type {Service} */ service, /** @type {string} */ name) =>
    Number(settings.get(name)?._parse(service.environment?.[name] ?? '0') ?? 0);
  return [...services].flatMap(([name, service]) => {
    if (!isApplication(service) || service.restart === 'no') return [];
    const delayMs = value(service, 'SHUTDOWN_DELAY_MS');
    const deadlineMs = value(service, 'SHUTDOWN_DEADLINE_MS');
    const needed = (delayMs + deadlineMs) / 1000 + GRACE_SPARE_SECONDS;
    return found('compose-shutdown', name, [
      delayMs < 2000 && 'closes its port before the gateway has taken notice',
      seconds(service.stop_grace_period) < needed &&
        `is killed before the ${String(needed)} s that it may need`,
    ]);
  });
}

/**
 * The whole of it comes up in order, and comes up again.
 *
 * @param {Stack} stack
 * @returns {Finding[]}
 */
export function order({ services }) {
  const awaits = (/** @type {Service} */ service, /** @type {string} */ name) =>
    service.depends_on?.[name]?.condition ?? 'nothing';
  const applications = [...services].filter(([, service]) => isApplication(service));
  const running = applications.filter(([, { restart }]) => restart !== 'no');
  const once = applications.filter(([, { restart }]) => restart === 'no');
  const gateways = [...services].filter(([, { ports = [] }]) => ports.length > 0);
  const roleOf = (/** @type {Service} */ service) => service.environment?.['ROLE'];
  const apis = running.filter(([, service]) => roleOf(service) === 'api');
  return [
    ...found('compose-order', 'services', [
      apis.length < 3 && 'there are not 3 api processes',
      running.every(([, service]) => roleOf(service) !== 'worker') && 'there is no worker',
      once.map(([, { command }]) => command?.join()).join() !== 'prestart' && 'there is not one prestart',
    ]),
    ...[...services].flatMap(([name, { depends_on: others = {} }]) =>
      found(
        'compose-order',
        name,
        Object.keys(others).map(
          (other) => !services.has(other) && `waits for ${other}, which does not exist`,
        ),
      ),
    ),
    ...running.flatMap(([name, service]) =>
      found('compose-order', name, [
        awaits(service, 'prestart') !== 'service_completed_successfully' &&
          'does not wait for the migrations',
        awaits(service, 'pgbouncer') !== 'service_healthy' && 'does not wait for PgBouncer',
        service.volumes?.some((volume) => volume.endsWith(':/var/spool/caudal')) !== true &&
          'loses its spooled audit events with the container',
      ]),
    ),
    ...once.flatMap(([name, service]) =>
      found('compose-order', name, [
        awaits(service, 'postgres-1') !== 'service_healthy' && 'does not wait for PostgreSQL',
      ]),
    ),
    ...gateways.flatMap(([name, service]) =>
      found(
        'compose-order',
        name,
        apis.map(([api]) => awaits(service, api) !== 'service_healthy' && `does not wait for ${api}`),
      ),
    ),
  ];
}

/**
 * Every variable is one that the application or its entry point reads, with a value that it takes; secrets are
 * files, mounted where they are read, and nowhere else.
 *
 * @param {Stack} stack
 * @returns {Finding[]}
 */
export function secretsAndSettings({ services, settings, secrets, files }) {
  const script = files.get('deployment/docker/scripts/docker-entrypoint.sh') ?? '';
  const byFile = new Set(/for name in ([A-Z_\s\\]+);/.exec(script)?.[1]?.match(/[A-Z_]+/g) ?? []);
  const mounted = (/** @type {Service} */ { secrets: own = [] }) =>
    own.map((secret) => (typeof secret === 'string' ? { source: secret, target: secret } : secret));
  const used = new Set(
    [...services.values()].flatMap((service) => mounted(service).map(({ source }) => source)),
  );
  const check = (/** @type {string} */ name, /** @type {string} */ value) => {
    if (byFile.has(name.replace(/_FILE$/, '')) && name.endsWith('_FILE')) return false;
    if (KEPT_FROM_PROCESSES.includes(name)) return value !== '' && `${name} changes with each deployment`;
    const setting = settings.get(name);
    if (setting === undefined) return `the application has no setting ${name}`;
    try {
      setting._parse(value);
      return setting.choices?.includes(value) === false && `${name}: ${value} is not one of its values`;
    } catch (error) {
      return `${name}: ${error instanceof Error ? error.message : String(error)}`;
    }
  };
  return [
    ...found('compose-settings', 'secrets', [
      ...Object.entries(secrets).map(([name, { file }]) => file === undefined && `${name} is not a file`),
      ...Object.keys(secrets).map((name) => !used.has(name) && `${name} is read by nobody`),
    ]),
    ...[...services].flatMap(([name, service]) => {
      const entries = Object.entries(service.environment ?? {});
      return found('compose-settings', name, [
        ...entries.map(
          ([key, value]) =>
            (SECRET_NAME.test(key) || SECRET_VALUE.test(value)) && `${key} is a secret in the environment`,
        ),
        ...entries.map(([key, value]) => {
          const [, file] = /^\/run\/secrets\/(.+)$/.exec(value) ?? [];
          return (
            file !== undefined &&
            !mounted(service).some(({ source, target = source }) => target === file) &&
            `${key}: ${file} is not mounted`
          );
        }),
        ...mounted(service).map(
          ({ source }) => !(source in secrets) && `the secret ${source} does not exist`,
        ),
        ...(isApplication(service) ? entries.map(([key, value]) => check(key, value)) : []),
        isApplication(service) &&
          service.environment?.['DATABASE_URL_FILE'] === undefined &&
          'has no DATABASE_URL',
        name !== 'prestart' &&
          isApplication(service) &&
          mounted(service).some(({ source }) => /direct|admin/.test(source)) &&
          'has the secrets of the prestart',
      ]);
    }),
  ];
}

/** @param {Service} service */
function networksOf({ networks = [] }) {
  return Array.isArray(networks) ? networks : Object.keys(networks);
}

/** @param {string | undefined} duration */
function seconds(duration) {
  const [, minutes = '0', rest = '0'] = /^(?:(\d+)m)?(?:(\d+)s)?$/.exec(duration ?? '') ?? [];
  return Number(minutes) * 60 + Number(rest);
}

/** @param {string} size as Docker and Redis write it */
export function bytes(size) {
  const [, number = '0', unit = ''] = /^(\d+)([kmg]?)b?$/i.exec(size) ?? [];
  return Number(number) * 1024 ** ['', 'k', 'm', 'g'].indexOf(unit.toLowerCase());
}
