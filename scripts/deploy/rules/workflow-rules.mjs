// @ts-check
// What holds for every workflow, whoever runs it: rights, pins, deadlines, and commands that exist.
import { parse } from 'yaml';

/** @typedef {import('../manifests.mjs').Finding} Finding */

/**
 * @typedef {object} Step
 * @property {string} [uses]
 * @property {string} [run]
 * @property {Record<string, unknown>} [with]
 */

/**
 * @typedef {{ 'runs-on'?: string, 'timeout-minutes'?: number, permissions?: Record<string, string>,
 *   steps?: Step[] }} Job
 */

/**
 * @typedef {object} Workflow
 * @property {Record<string, unknown>} on
 * @property {Record<string, string> | string} [permissions]
 * @property {unknown} [concurrency]
 * @property {Record<string, Job>} jobs
 */

/**
 * @typedef {object} Project what the commands of a workflow may name
 * @property {ReadonlySet<string>} npmScripts
 * @property {ReadonlyMap<string, string>} shellScripts path and text of each in deployment/scripts
 * @property {ReadonlySet<string>} scenarios of test/load
 */

/** Rights beyond reading, by workflow and job: nothing else may write anything. */
const MAY_WRITE = new Set(['deploy.yml push-image packages']);
const PINNED = /^ *(?:- )?uses: ([\w.-]+\/[\w./-]+)@([0-9a-f]{40}) # v\d+\.\d+\.\d+$/;

/**
 * @param {ReadonlyMap<string, string>} files name and text of each workflow
 * @param {Project} project
 * @returns {Finding[]}
 */
export function checkWorkflows(files, project) {
  /** @type {Map<string, string>} */
  const commits = new Map();
  return [...files].flatMap(([file, text]) => {
    const parsed = /** @type {unknown} */ (parse(text));
    const workflow = /** @type {Workflow} */ (parsed);
    return [
      ...checkPins(file, text, commits),
      ...checkRights(file, workflow),
      ...Object.entries(workflow.jobs).flatMap(([name, job]) => checkJob(`${file} ${name}`, job, project)),
    ];
  });
}

/**
 * @param {string} file
 * @param {string} text
 * @param {Map<string, string>} commits of each action, over all files
 * @returns {Finding[]}
 */
function checkPins(file, text, commits) {
  return text
    .split('\n')
    .filter((line) => /^ *(- )?uses:/.test(line))
    .flatMap((line) => {
      const [, action = '', commit = ''] = PINNED.exec(line) ?? [];
      if (action === '')
        return [finding('pin', file, `${line.trim()} has no commit with its version beside it`)];
      const known = commits.get(action) ?? commit;
      commits.set(action, known);
      return known === commit ? [] : [finding('pin', file, `${action} is pinned to two commits`)];
    });
}

/**
 * @param {string} file
 * @param {Workflow} workflow
 * @returns {Finding[]}
 */
function checkRights(file, { on, permissions, concurrency, jobs }) {
  const own = permissions ?? 'everything';
  const excess = [
    ...excessOf(`${file} *`, own),
    ...Object.entries(jobs).flatMap(([name, job]) => excessOf(`${file} ${name}`, job.permissions ?? {})),
  ];
  return [
    ...excess.map((right) => finding('rights', file, `${right} is more than it needs`)),
    // Code of a stranger would run with the secrets of the project.
    ...('pull_request_target' in on ? [finding('rights', file, 'runs on pull_request_target')] : []),
    ...(concurrency === undefined ? [finding('concurrency', file, 'may run beside itself')] : []),
  ];
}

/**
 * @param {string} where
 * @param {Record<string, string> | string} permissions
 * @returns {string[]}
 */
function excessOf(where, permissions) {
  if (typeof permissions === 'string') return [`${where} ${permissions}`];
  return Object.entries(permissions)
    .filter(([, right]) => right !== 'read' && right !== 'none')
    .map(([scope]) => `${where} ${scope}`)
    .filter((right) => !MAY_WRITE.has(right));
}

/**
 * @param {string} where
 * @param {Job} job
 * @param {Project} project
 * @returns {Finding[]}
 */
function checkJob(where, { 'runs-on': runner = '', 'timeout-minutes': minutes, steps = [] }, project) {
  return [
    ...(minutes === undefined ? [finding('deadline', where, 'has no timeout-minutes')] : []),
    ...(/-\d+\.\d+$/.test(runner)
      ? []
      : [finding('pin', where, `runs on "${runner}", which changes by itself`)]),
    ...steps
      .filter(({ uses = '' }) => uses.startsWith('actions/checkout@'))
      .filter((step) => step.with?.['persist-credentials'] !== false)
      .map(() => finding('rights', where, 'leaves the token in the checkout')),
    ...steps.flatMap(({ run = '' }) => checkCommands(where, run, project)),
  ];
}

/**
 * @param {string} where
 * @param {string} run
 * @param {Project} project
 * @returns {Finding[]}
 */
function checkCommands(where, run, { npmScripts, shellScripts, scenarios }) {
  const wrong = (/** @type {string} */ message) => finding('command', where, message);
  const npm = [...run.matchAll(/\bnpm run (?:--silent |-s )?([\w:-]+)/g)].map(([, name = '']) => name);
  const loads = [...run.matchAll(/\bnpm run load -- ([\w-]+)/g)].map(([, name = '']) => name);
  const shell = [...run.matchAll(/\b(deployment\/scripts\/[\w-]+\.sh)((?:[^\n\\;|&]|\\\n)*)/g)];
  return [
    // Text of others in a script is a command of others: it comes by the environment.
    ...(run.includes('${{') ? [wrong('has an expression in a script')] : []),
    ...npm.filter((name) => !npmScripts.has(name)).map((name) => wrong(`npm run ${name} does not exist`)),
    ...loads.filter((name) => !scenarios.has(name)).map((name) => wrong(`there is no scenario ${name}`)),
    ...shell.flatMap(([, path = '', rest = '']) => {
      const text = shellScripts.get(path);
      if (text === undefined) return [wrong(`${path} does not exist`)];
      return [...rest.matchAll(/(?<=[\s+])(--[a-z-]+)/g)]
        .filter(([option]) => !new RegExp(`^  ${option} `, 'm').test(text))
        .map(([option]) => wrong(`${path} has no option ${option}`));
    }),
  ];
}

/**
 * @param {string} rule
 * @param {string} where
 * @param {string} message
 * @returns {Finding}
 */
function finding(rule, where, message) {
  return { rule, where, message };
}
