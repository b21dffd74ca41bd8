// @ts-check
// npm run docs:generate
// Writes docs/errors.md, docs/configuration.md and .env.example from the tables in the code. A test compares them.
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { renderEnvironmentExample } from './environment-example.mjs';
import { loadSource } from './source-module.mjs';

const PROJECT = new URL('../', import.meta.url);

/**
 * @typedef {object} Setting What the validator of one environment variable says of itself.
 * @property {string} [desc]
 * @property {string | number | boolean | readonly string[]} [default] Missing: the setting is required.
 * @property {readonly string[]} [choices]
 * @property {(input: string) => unknown} _parse
 */

/** No range admits it, so the validator answers it with what it expects. */
const NEVER_VALID = '?';

const ERRORS_INTRODUCTION = `# Error codes

Every refusal is an RFC 9457 problem document (\`application/problem+json\`) with the members \`type\`,
\`title\`, \`status\`, \`code\` and \`requestId\`; \`traceId\` where the request belongs to a trace; and where they
help \`detail\`, \`errors[]\` (each with a JSON \`pointer\` and a \`detail\`) and the members that the table names.
Clients decide by \`code\`: a code never changes its meaning or its status. Every 503 and every 429 carries
\`Retry-After\`.

This page is generated from \`src/common/error-codes.ts\` by \`npm run docs:generate\`.
`;

const CONFIGURATION_INTRODUCTION = `# Configuration

Every setting is an environment variable. The process reads them once at its start, refuses to start with
a value out of range, and names every such value in one run. An empty default of a key or secret means
that the process makes its own, warns, and forgets it when it ends: that is for trials only.
[operations.md](operations.md) says how keys are rotated. \`npm start\` sets the addresses and the secrets
by itself and passes everything else on.

This page is generated from \`src/config/environment/\` by \`npm run docs:generate\`.
`;

/** @param {Readonly<Record<string, { status: number, title: string, meaning: string }>>} codes */
export function renderErrors(codes) {
  const rows = Object.entries(codes).map(([code, { status, title, meaning }]) => [
    `\`${code}\``,
    String(status),
    title,
    meaning,
  ]);
  return `${ERRORS_INTRODUCTION}\n${renderTable(['Code', 'Status', 'Title', 'When, and what to do'], rows)}`;
}

/** @param {Readonly<Record<string, unknown>>} environment */
export function renderConfiguration(environment) {
  const rows = Object.entries(environment).map(([name, validator]) => {
    const setting = /** @type {Setting} */ (validator);
    return [`\`${name}\``, describeValues(setting), describeDefault(setting), setting.desc ?? ''];
  });
  return `${CONFIGURATION_INTRODUCTION}\n${renderTable(['Name', 'Values', 'Default', 'Meaning'], rows)}`;
}

/** @param {Setting} setting */
function describeValues(setting) {
  if (setting.choices !== undefined) return setting.choices.map((choice) => `\`${choice}\``).join(', ');
  if (typeof setting.default === 'boolean') return '`true`, `false`';
  if (Array.isArray(setting.default)) return 'comma-separated list';
  try {
    setting._parse(NEVER_VALID);
    return 'text';
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    if (message.startsWith('Invalid port')) return 'integer from 1 to 65535';
    return message.replace(/, got .*$/, '').replace(/^expected (an? )?/, '');
  }
}

/** @param {Setting} setting */
function describeDefault(setting) {
  const { default: value } = setting;
  if (value === undefined) return 'required';
  if (value === '' || (Array.isArray(value) && value.length === 0)) return 'empty';
  return `\`${String(value)}\``;
}

/**
 * A table as Prettier would leave it.
 *
 * @param {readonly string[]} head
 * @param {readonly (readonly string[])[]} body
 */
function renderTable(head, body) {
  const rows = [head, ...body].map((row) => row.map((cell) => cell.replaceAll('|', '\\|')));
  const widths = head.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (/** @type {readonly string[]} */ cells) => `| ${cells.join(' | ')} |\n`;
  const [titles = '', ...others] = rows.map((row) =>
    line(row.map((cell, column) => cell.padEnd(widths[column] ?? 0))),
  );
  return [titles, line(widths.map((width) => '-'.repeat(width))), ...others].join('');
}

async function main() {
  const { ERROR_CODES } = /** @type {{ ERROR_CODES: Parameters<typeof renderErrors>[0] }} */ (
    await loadSource('src/common/error-codes.ts')
  );
  const { ENVIRONMENT } = /** @type {{ ENVIRONMENT: Parameters<typeof renderConfiguration>[0] }} */ (
    await loadSource('src/config/environment.ts')
  );
  await writeFile(new URL('docs/errors.md', PROJECT), renderErrors(ERROR_CODES));
  await writeFile(new URL('docs/configuration.md', PROJECT), renderConfiguration(ENVIRONMENT));
  const compose = await readFile(new URL('docker-compose.production.yml', PROJECT), 'utf8');
  await writeFile(new URL('.env.example', PROJECT), renderEnvironmentExample(ENVIRONMENT, compose));
  process.stdout.write(
    `✓ wrote docs/errors.md, docs/configuration.md and .env.example in ${fileURLToPath(PROJECT)}\n`,
  );
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main();
