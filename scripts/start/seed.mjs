// @ts-check
import { randomBytes } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT, runTool } from '../setup/project.mjs';
import { parseJson, readJsonFile } from '../services/json-file.mjs';

/**
 * Fills an empty catalogue and makes the administrator. Without ADMIN_PASSWORD the first start makes
 * one up; it is returned once and kept nowhere.
 *
 * @param {import('./options.mjs').StartOptions} options
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<{ summary: string, newPassword: string | null }>}
 */
export async function seed(options, env) {
  const program = join(PROJECT, 'dist', 'seed.js');
  if (!existsSync(program)) return { summary: 'no demo catalogue in this build', newPassword: null };
  const noteFile = join(options.dataDir, 'admin.json');
  const isKnown =
    existsSync(noteFile) &&
    /** @type {{ email?: string }} */ (readJsonFile(noteFile)).email === options.adminEmail;
  const generated = options.adminPassword === undefined && !isKnown ? generatePassword() : null;
  const password = options.adminPassword ?? generated;
  const output = await runTool('the seed', process.execPath, [program], {
    ...env,
    ADMIN_EMAIL: options.adminEmail,
    ...(password === null ? {} : { ADMIN_PASSWORD: password }),
  });
  writeFileSync(noteFile, `${JSON.stringify({ email: options.adminEmail })}\n`);
  const report = readReport(output);
  // In a database of somebody else the account may exist already, with a password we do not know.
  const isCreated = report['admin'] === undefined || report['admin'] === 'created';
  return { summary: describe(report), newPassword: isCreated ? generated : null };
}

/**
 * The seed's last line is a JSON object: `{"products": 250, "variants": 1000, "admin": "created"}`.
 *
 * @param {string} output
 * @returns {Record<string, unknown>}
 */
function readReport(output) {
  for (const line of output.trimEnd().split('\n').reverse()) {
    try {
      const report = /** @type {unknown} */ (parseJson(line));
      if (typeof report === 'object' && report !== null) return { ...report };
    } catch {
      // A log line of another kind.
    }
  }
  return {};
}

/** @param {Record<string, unknown>} report */
function describe(report) {
  const { products, variants } = report;
  return Number(variants) > 0
    ? `demo catalogue of ${String(products)} products, ${String(variants)} variants`
    : 'catalogue kept as it is';
}

/** 20 letters and digits: 119 bits, and nothing a shell would have to quote. */
function generatePassword() {
  return [...randomBytes(20)]
    .map((byte) => 'ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789'[byte % 57])
    .join('');
}
