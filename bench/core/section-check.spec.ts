import { checkSection } from './section-check.mjs';
import type { Goal, Section } from './core-bench.mjs';

const GOAL: Goal = {
  id: 'X1',
  what: 'something, ms',
  ours: () => 1,
  target: { is: 'value', at: 'most', bound: 1 },
};

const sectionOf = (goals: Goal[], close = () => Promise.resolve()): Section => ({
  open: () => Promise.resolve(goals),
  close,
});

describe('the check of a section', () => {
  it('finds nothing in one that names its goals and cleans up', async () => {
    expect(await checkSection(sectionOf([GOAL]), new Set(), { listProcesses: () => [7] })).toEqual({
      goals: ['X1'],
      problems: [],
    });
  });

  it.each<[string, Goal[], RegExp]>([
    ['no goals', [], /no goals/],
    ['an id twice', [GOAL, GOAL], /taken/],
    ['no words', [{ ...GOAL, what: '' }], /what it measures/],
    ['a ratio to nothing', [{ ...GOAL, target: { ...GOAL.target, is: 'ratio' } }], /without a peer/],
    ['no bound', [{ ...GOAL, target: { ...GOAL.target, bound: NaN } }], /no target/],
  ])('finds %s', async (_, goals, problem) => {
    const { problems } = await checkSection(sectionOf(goals), new Set(), { listProcesses: () => [] });
    expect(problems).toEqual([expect.stringMatching(problem)]);
  });

  it('finds what does not open, and closes it all the same', async () => {
    let isClosed = false;
    const section: Section = {
      open: () => Promise.reject(new Error('no server')),
      close: () => {
        isClosed = true;
        return Promise.resolve();
      },
    };
    const { problems } = await checkSection(section, new Set(), { listProcesses: () => [] });
    expect(problems).toEqual([expect.stringContaining('no server')]);
    expect(isClosed).toBe(true);
  });

  it('finds a process that is left behind', async () => {
    let isOpen = false;
    const section: Section = {
      open: () => {
        isOpen = true;
        return Promise.resolve([GOAL]);
      },
      close: () => Promise.resolve(),
    };
    const { problems } = await checkSection(section, new Set(), {
      listProcesses: () => (isOpen ? [7, 8] : [7]),
      goneWithinMs: 0,
    });
    expect(problems).toEqual(['it leaves process 8 behind']);
  });
});
