import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));

/** Lines of each checklist as the documents have them: none may be dropped. */
const LINES = {
  'Production architecture: security': 12,
  'Production architecture: deployment': 11,
  'Deployment architecture': 10,
  'Deployment guide: Docker': 6,
  'Deployment guide: network': 6,
  'Deployment guide: data': 5,
  'Deployment guide: monitoring and logging': 5,
};

interface Row {
  readonly section: string;
  readonly line: string;
  readonly proof: string;
}

const PROOF = /`([^`]+)`(?:: "([^"]+)")?/g;

function rowsOf(page: string): Row[] {
  return page
    .split(/^## /m)
    .slice(1)
    .flatMap((text) => {
      const [section = '', ...lines] = text.split('\n');
      const cells = lines.filter((line) => line.startsWith('|')).map((line) => line.split('|'));
      return cells
        .slice(2)
        .map((row) => ({ section, line: row[1]?.trim() ?? '', proof: row[3]?.trim() ?? '' }));
    });
}

/** What is wrong with the proof of a row: nothing, or why it proves nothing. */
function faultsOf({ line, proof }: Row): string[] {
  const named = [...proof.matchAll(PROOF)].map(([, path = '', text]) => ({ path, text }));
  if (named.length === 0)
    return /^(Not yet|Outside)/.test(proof) ? [] : [`${line}: neither a proof nor "Not yet"`];
  return named.flatMap(({ path, text }) => {
    if (!existsSync(join(PROJECT, path))) return [`${line}: there is no ${path}`];
    const has = text === undefined || readFileSync(join(PROJECT, path), 'utf8').includes(text);
    return has ? [] : [`${line}: ${path} has no "${text}"`];
  });
}

const rows = rowsOf(readFileSync(join(PROJECT, 'docs/security.md'), 'utf8'));

describe('the checklists of security', () => {
  it('have every line of the documents that they come from', () => {
    const counts = Object.entries(Object.groupBy(rows, ({ section }) => section));
    expect(Object.fromEntries(counts.map(([section, own]) => [section, own?.length]))).toEqual(LINES);
  });

  it.each(rows)('$section: $line', (row) => {
    expect(faultsOf(row)).toEqual([]);
  });

  it.each([
    ['', 'neither a proof'],
    ['It is safe', 'neither a proof'],
    ['`test/e2e/nothing.e2e-spec.ts`', 'there is no test/e2e/nothing.e2e-spec.ts'],
    ['`.ci/run`: "nothing of the kind"', '.ci/run has no "nothing of the kind"'],
    ['`.ci/run`; `docs/nothing.md`. Not yet: more', 'there is no docs/nothing.md'],
  ])('would find fault with %j', (proof, fault) => {
    expect(faultsOf({ section: '', line: 'Line', proof }).join()).toContain(fault);
  });
});
