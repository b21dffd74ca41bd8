// A real Prometheus with the shipped rules, which scrapes processes of the built application.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, URLSearchParams } from 'node:url';
import { findFreePort } from '../services/ports.mjs';

const RULES = fileURLToPath(new URL('../../deployment/monitoring/rules/*.rules.yaml', import.meta.url));

/**
 * @typedef {object} Series
 * @property {Record<string, string>} metric its labels
 * @property {[seconds: number, value: string][]} values in the order of time; one of them for an instant
 */
/** @typedef {{ error: string } | { error: null, series: Series[] }} Answer */

export class PrometheusUnderTest {
  #url;
  #child;
  #directory;

  /**
   * @param {string} url
   * @param {import('node:child_process').ChildProcess} child
   * @param {string} directory
   */
  constructor(url, child, directory) {
    this.#url = url;
    this.#child = child;
    this.#directory = directory;
  }

  /**
   * @param {string} tool path of the program
   * @param {Record<string, number>} processes whom it scrapes: their management ports by their names
   */
  static async start(tool, processes) {
    const directory = mkdtempSync(join(tmpdir(), 'caudal-prometheus-'));
    const port = await findFreePort();
    const config = {
      global: { scrape_interval: '2s', evaluation_interval: '2s' },
      rule_files: [RULES],
      scrape_configs: [
        {
          job_name: 'caudal',
          static_configs: Object.entries(processes).map(([instance, each]) => ({
            targets: [`127.0.0.1:${String(each)}`],
            labels: { instance },
          })),
        },
      ],
    };
    const file = join(directory, 'prometheus.yml');
    writeFileSync(file, JSON.stringify(config));
    const child = spawn(
      tool,
      [
        `--config.file=${file}`,
        `--storage.tsdb.path=${join(directory, 'data')}`,
        `--web.listen-address=127.0.0.1:${String(port)}`,
      ],
      { stdio: 'ignore' },
    );
    return new PrometheusUnderTest(`http://127.0.0.1:${String(port)}`, child, directory);
  }

  /** What a panel of one number or a table asks. */
  instant(/** @type {string} */ query) {
    return this.#ask('query', { query });
  }

  /**
   * What a graph asks.
   * @param {string} query
   * @param {{ fromMs: number, toMs: number, stepSeconds: number }} range
   */
  range(query, { fromMs, toMs, stepSeconds }) {
    const [start, end] = [String(fromMs / 1000), String(toMs / 1000)];
    return this.#ask('query_range', { query, start, end, step: String(stepSeconds) });
  }

  async stop() {
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await ended;
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /**
   * @param {string} path
   * @param {Record<string, string>} parameters
   * @returns {Promise<Answer>}
   */
  async #ask(path, parameters) {
    const answer = await fetch(`${this.#url}/api/v1/${path}?${new URLSearchParams(parameters).toString()}`);
    const { data, error } = /** @type {{ data?: { result: unknown }, error?: string }} */ (
      await answer.json()
    );
    if (data === undefined) return { error: error ?? `HTTP ${String(answer.status)}` };
    const result = /** @type {(Partial<Series> & { value?: Series['values'][number] })[]} */ (data.result);
    return {
      error: null,
      series: result.map(({ metric = {}, values, value }) => ({
        metric,
        values: values ?? (value === undefined ? [] : [value]),
      })),
    };
  }
}
