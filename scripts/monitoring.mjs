// npm run monitoring:generate
// Writes what follows from deployment/monitoring/slo.json and scripts/monitoring into deployment/monitoring,
// and what the overlay `monitoring` takes from there into deployment/overlays/monitoring.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format } from 'prettier';
import { readJsonFile } from './services/json-file.mjs';
import { monitoringFiles, readWrittenRules } from './monitoring/generated-files.mjs';

const PROJECT = new URL('../', import.meta.url);

const slo = /** @type {import('./monitoring/slo-rules.mjs').Slo} */ (
  readJsonFile(fileURLToPath(new URL('deployment/monitoring/slo.json', PROJECT)))
);
for (const [path, text] of Object.entries(monitoringFiles(slo, readWrittenRules(fileURLToPath(PROJECT))))) {
  const options = { singleQuote: true, printWidth: 110, filepath: path };
  writeFileSync(new URL(path, PROJECT), await format(text, options));
  console.log(`✓ ${path}`);
}
