// @ts-check
// npm run import -- FILE
// Loads a catalogue with the built program, into DATABASE_URL or the database of the local `npm start`.
import { findLocalInstallation, getDatabaseUrl } from './load/local-installation.mjs';
import { runBuilt } from './setup/run-built.mjs';

const args = process.argv.slice(2);
const isHelp = args.length === 0 || args.includes('--help') || args.includes('-h');

await runBuilt({
  name: 'import',
  file: 'import.js',
  args,
  environment: () =>
    isHelp
      ? process.env
      : { ...process.env, DATABASE_URL: getDatabaseUrl(findLocalInstallation(process.env)) },
});
