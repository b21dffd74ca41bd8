// @ts-check
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT } from './setup/project.mjs';

/** The LogQL that docs/operations.md gives to be pasted into Grafana, one query a line. */
export function documentedQueries() {
  const text = readFileSync(join(PROJECT, 'docs/operations.md'), 'utf8');
  return [...text.matchAll(/^```logql\n([^`]+)^```$/gm)]
    .flatMap(([, block = '']) => block.split('\n'))
    .filter((line) => line !== '' && !line.startsWith('#'));
}
