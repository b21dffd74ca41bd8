import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { checkWorkflows, type Workflow } from '../../scripts/deploy/rules/workflow-rules.mjs';
import { readCommands, readWorkflows } from '../../scripts/deploy/workflows.mjs';

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));
const workflows = readWorkflows(PROJECT);
const commands = readCommands(PROJECT);
const textOf = (file: string): string => workflows.get(file) ?? '';
const read = (file: string) =>
  parse(textOf(file)) as Workflow & { jobs: Record<string, { needs?: unknown }> };

/** The commands and actions of a job, in their order. */
function stepsOf(file: string, job: string): string[] {
  return (read(file).jobs[job]?.steps ?? []).map(({ uses, run }) => uses?.replace(/@.*/, '') ?? run ?? '');
}

describe('the workflows', () => {
  it('have least rights, pinned actions, deadlines, and commands that exist', () => {
    expect([...workflows.keys()].sort()).toEqual(['ci.yml', 'deploy.yml', 'nightly.yml']);
    expect(checkWorkflows(workflows, commands)).toEqual([]);
  });

  it('test a push by the command of the README, and check, build, scan and list what is deployed', () => {
    const readme = readFileSync(join(PROJECT, 'README.md'), 'utf8');
    const [, command = ''] = /## Test[^]*?```bash\n(.*?) +#/.exec(readme) ?? [];
    expect(command).toBe('npm test');
    expect(stepsOf('ci.yml', 'test').at(-1)).toBe(command);
    // It ends with the checks of the monitoring.
    expect(stepsOf('ci.yml', 'deployment').slice(-2)).toEqual([
      'npm run check:scripts',
      'npm run check:deploy',
    ]);
    expect(stepsOf('ci.yml', 'image').slice(1)).toEqual([
      'deployment/scripts/build-docker.sh --tag caudal:ci --sbom sbom.cdx.json',
      'aquasecurity/trivy-action',
      'actions/upload-artifact',
    ]);
  });

  it('rehearse each night whatever can be rehearsed, soak, and audit the packages', () => {
    const run = Object.keys(read('nightly.yml').jobs)
      .flatMap((job) => stepsOf('nightly.yml', job))
      .join('\n');
    const rehearsed = [...run.matchAll(/npm run rehearse:(\w+)/g)].map(([, name]) => name);
    expect(rehearsed).toEqual(
      expect.arrayContaining(['compose', 'overlays', 'k8s', 'node', 'image', 'restore', 'retention']),
    );
    expect(run).toContain('npm run load -- soak');
    expect(run).toContain('npm audit');
  });

  it('deploy what passed: image by commit, staging, tests, approval, production, watch, and back', () => {
    const { jobs, on } = read('deploy.yml');
    expect(on).toEqual({ workflow_run: { workflows: ['ci'], types: ['completed'], branches: ['main'] } });
    expect(textOf('deploy.yml')).toContain("workflow_run.conclusion == 'success'");
    expect(jobs).toMatchObject({
      staging: { needs: 'push-image', environment: 'staging' },
      production: { needs: ['push-image', 'staging'], environment: 'production' },
    });
    const scripts = (job: string) =>
      stepsOf('deploy.yml', job).flatMap(
        (step) => /^(?:deployment\/scripts\/)([\w-]+)\.sh/.exec(step)?.[1] ?? [],
      );
    expect(scripts('staging')).toEqual(['release', 'smoke', 'rollback']);
    expect(scripts('production')).toEqual(['release', 'smoke', 'watch-health', 'rollback']);
    for (const job of ['staging', 'production']) {
      expect(jobs[job]?.steps?.at(-1)).toMatchObject({
        if: "failure() && steps.release.outcome != 'skipped'",
      });
    }
    expect(stepsOf('deploy.yml', 'staging').join('\n')).toContain('test/load/scenarios/$scenario.js');
  });

  it.each<[rule: string, what: string, file: string, from: string | RegExp, to: string]>([
    ['pin', 'an action by tag', 'ci.yml', /checkout@\w{40} # v4.2.2/, 'checkout@v4'],
    ['pin', 'a commit without its version', 'ci.yml', ' # v4.2.2', ''],
    ['pin', 'another commit of the same action', 'nightly.yml', 'checkout@11bd', 'checkout@22bd'],
    ['pin', 'a runner that changes', 'nightly.yml', 'ubuntu-24.04', 'ubuntu-latest'],
    ['rights', 'no permissions', 'ci.yml', 'permissions:\n  contents: read\n', ''],
    ['rights', 'all permissions', 'ci.yml', 'permissions:\n  contents: read\n', 'permissions: write-all\n'],
    ['rights', 'a right too many', 'nightly.yml', 'contents: read', 'contents: write'],
    [
      'rights',
      'a right too many of a job',
      'deploy.yml',
      'packages: write',
      'packages: write\n      issues: write',
    ],
    ['rights', 'code of strangers', 'ci.yml', '  pull_request:', '  pull_request_target:'],
    ['rights', 'a token in the checkout', 'ci.yml', 'persist-credentials: false', 'fetch-depth: 1'],
    ['concurrency', 'two releases at once', 'deploy.yml', /concurrency:\n.*\n.*\n/, ''],
    ['deadline', 'a job that may hang', 'deploy.yml', / +timeout-minutes: 60\n/, ''],
    ['command', 'a script of npm that is not', 'ci.yml', 'npm run check:deploy', 'npm run check:deployed'],
    ['command', 'a shell script that is not', 'deploy.yml', 'scripts/smoke.sh', 'scripts/smokes.sh'],
    ['command', 'an option that is not', 'deploy.yml', '--overlay staging', '--environment staging'],
    ['command', 'an option in an expansion', 'deploy.yml', '+--prometheus', '+--alerts'],
    ['command', 'a scenario that is not', 'nightly.yml', 'load -- soak', 'load -- soaked'],
    [
      'command',
      'text of others in a script',
      'deploy.yml',
      '--image "$IMAGE"',
      '--image ${{ github.head_ref }}',
    ],
  ])('are found at fault (%s) with %s', (rule, _, file, from, to) => {
    const spoilt = textOf(file).replace(from, to);
    expect(spoilt).not.toBe(textOf(file));
    const rules = checkWorkflows(new Map([...workflows, [file, spoilt]]), commands).map(
      (finding) => finding.rule,
    );
    expect(rules).toContain(rule);
  });
});
