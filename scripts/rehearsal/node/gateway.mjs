// @ts-check
// The gateway as it is shipped, on the node and in front of the Service: only what docs/operations.md says that an
// installation sets is set.
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { until } from '../cache.mjs';
import { PROJECT } from '../../setup/project.mjs';
import { command } from './isolation.mjs';

/**
 * A Service gives each connection to a pod by chance, also to one that has just died: with three pods every 81st
 * connection of the second until kube-proxy knows would meet it four times in a row (seen), every 6561st eight times.
 */
const TRIES = 8;
const SHIPPED_TRIES = 'proxy_next_upstream_tries 4;';
const HOST = 'shop.example.com';

/**
 * @param {object} options
 * @param {string} options.state directory
 * @param {string} options.nginx
 * @param {string} options.service address of the Service
 * @param {import('../processes.mjs').Processes} options.processes
 * @returns {Promise<string>} path of its log
 */
export async function startGateway({ state, nginx, service, processes }) {
  const configuration = join(state, 'nginx');
  cpSync(join(PROJECT, 'deployment/docker/nginx'), configuration, { recursive: true });
  writeFileSync(join(configuration, 'upstreams.conf'), upstreams(service));
  const proxy = join(configuration, 'snippets/proxy.conf');
  const text = readFileSync(proxy, 'utf8');
  if (!text.includes(SHIPPED_TRIES)) throw new Error(`proxy.conf does not say ${SHIPPED_TRIES} any more`);
  writeFileSync(proxy, text.replace(SHIPPED_TRIES, `proxy_next_upstream_tries ${String(TRIES)};`));
  // The crowd says where each of its buyers is.
  writeFileSync(join(configuration, 'outer-hops.conf'), 'default 1;\n');
  command('mount', ['--bind', configuration, '/etc/nginx']);
  mkdirSync('/run/secrets', { recursive: true });
  command('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
    ...['-subj', `/CN=${HOST}`, '-addext', `subjectAltName=DNS:${HOST}`],
    ...['-keyout', '/run/secrets/tls.key', '-out', '/run/secrets/tls.crt'],
  ]);
  const { log } = processes.start('nginx', nginx, ['-g', 'daemon off;']);
  await until('the gateway', 30_000, () => {
    const failure = processes.failure();
    if (failure !== undefined) throw new Error(failure);
    return isUp();
  });
  return log;
}

/**
 * In front of a Service: each attempt is a chance to meet another pod. Which pods are well is known to the readiness
 * probes, so nothing is ejected here: the failures of one pod would count against all.
 *
 * @param {string} service
 */
const upstreams = (service) => `server ${service}:80 max_fails=0;\n`.repeat(TRIES);

/** @returns {Promise<boolean>} */
const isUp = () =>
  new Promise((resolve) => {
    get('http://127.0.0.1:8081/health', (answer) => {
      answer.resume();
      resolve(answer.statusCode === 200);
    }).once('error', () => {
      resolve(false);
    });
  });
