// @ts-check
// The built application on its services, a Prometheus with the shipped rules that scrapes it, and k6.
import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openBenchShop } from '../../../bench/bench-shop.mjs';
import { findPrometheusTools } from '../../monitoring/prometheus-tools.mjs';
import { findFreePort } from '../../services/ports.mjs';
import { PROJECT } from '../../setup/project.mjs';
import { Unavailable, pause, until } from '../cache.mjs';
import { goTool } from '../go-tools.mjs';

const UNPINNED = { server: null, others: null, description: 'not pinned' };
export const REAL_PODS = 'real-.*';
const SCENARIO = join(PROJECT, 'test/load/scenarios/browse.js');

/**
 * @typedef {object} LoadedShop
 * @property {(path: string) => Promise<unknown>} prometheus the `data` of an answer of its API
 * @property {(rps: number) => Promise<void>} load sends so many requests a second from now on, in place of what was sent;
 *   resolves when they come
 * @property {() => Promise<void>} close
 */

/**
 * @param {import('../control-plane.mjs').ControlPlane} controlPlane the interval of its ServiceMonitor is Prometheus's
 * @param {(line: string) => void} say
 * @returns {Promise<LoadedShop>}
 */
export async function openLoadedShop({ kubectl, processes }, say) {
  const program = (await findPrometheusTools())('prometheus');
  if (program === null) throw new Unavailable('prometheus is not here and cannot be had by apt');
  const k6 = await goTool('k6');
  if (k6.path === undefined) throw new Unavailable(k6.reason);
  const interval = await kubectl([
    ...['-n', 'caudal', 'get', 'servicemonitor', 'caudal', '-o', 'jsonpath={.spec.endpoints[0].interval}'],
  ]);
  const shop = await openBenchShop(UNPINNED, { say, profileDirectory: null });
  const directory = mkdtempSync(join(tmpdir(), 'caudal-rehearsal-k8s-'));
  const port = await findFreePort();
  const config = {
    global: { scrape_interval: interval, evaluation_interval: '15s' },
    rule_files: [join(PROJECT, 'deployment/monitoring/rules/*.rules.yaml')],
    scrape_configs: [
      {
        job_name: 'caudal',
        static_configs: [
          {
            targets: [`127.0.0.1:${String(shop.managementPort)}`],
            // What the operator makes of the pod that it found.
            labels: { namespace: 'caudal', pod: 'real-1' },
          },
        ],
      },
    ],
  };
  const file = join(directory, 'prometheus.yml');
  writeFileSync(file, JSON.stringify(config));
  processes.start('prometheus', program, [
    ...[`--config.file=${file}`, `--storage.tsdb.path=${join(directory, 'data')}`],
    `--web.listen-address=127.0.0.1:${String(port)}`,
  ]);
  /** @type {LoadedShop['prometheus']} */
  const prometheus = async (path) => {
    const answer = await fetch(`http://127.0.0.1:${String(port)}${path}`, {
      signal: AbortSignal.timeout(10_000),
    });
    const { status, data, error } = /** @type {{ status: string, data: unknown, error?: string }} */ (
      await answer.json()
    );
    if (status !== 'success') throw new Error(`prometheus: ${String(error)}`);
    return data;
  };
  await until('Prometheus', 60_000, () => prometheus('/api/v1/query?query=up'), 500);

  const requestsTotal = async () => {
    const answer = await fetch(`http://127.0.0.1:${String(shop.managementPort)}/metrics`);
    const counters = (await answer.text()).matchAll(/^http_requests_total\{.*\} (\d+)/gm);
    return [...counters].reduce((sum, [, count]) => sum + Number(count), 0);
  };
  /** Over two seconds. */
  const requestRate = async () => {
    const [before, startedMs] = [await requestsTotal(), performance.now()];
    await pause(2_000);
    return ((await requestsTotal()) - before) / ((performance.now() - startedMs) / 1_000);
  };

  const log = openSync(join(processes.directory, 'k6.log'), 'a');
  const startK6 = (/** @type {number} */ rps) =>
    spawn(k6.path, ['run', '--quiet', '--no-thresholds', '--address=', SCENARIO], {
      stdio: ['ignore', log, log],
      // Ctrl-C is for the rehearsal, which ends it.
      detached: true,
      env: {
        ...process.env,
        ...{ BASE_URL: `http://127.0.0.1:${String(shop.caudal.port)}`, K6_NO_USAGE_REPORT: 'true' },
        ...{ RATE: String(rps), VUS: '200', DURATION: '60m', PRODUCTS: '50' },
      },
    });
  /** @type {import('node:child_process').ChildProcess | null} */
  let running = null;
  process.once('exit', () => running?.kill('SIGKILL'));
  return {
    prometheus,
    load: async (rps) => {
      const before = running;
      running = startK6(rps);
      // The one that was sends until the other has read the catalogue.
      await pause(5_000);
      await endProcess(before);
      await until(`${String(rps)} requests/s`, 180_000, async () => {
        // On a machine that stalls it gives up reading the catalogue.
        if (running !== null && running.exitCode !== null) running = startK6(rps);
        const rate = await requestRate();
        return rate > rps / 2 && rate < rps * 2;
      });
    },
    close: async () => {
      await endProcess(running);
      closeSync(log);
      await shop.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** @param {import('node:child_process').ChildProcess | null} child */
async function endProcess(child) {
  if (child === null || child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('close', resolve));
  child.kill('SIGINT');
  const killer = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await ended;
  clearTimeout(killer);
}
