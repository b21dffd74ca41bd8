import { Problem } from '../../common/problem.js';
import { etagOfVersion, findIfMatch, requireIfMatch } from './entity-version.js';

const codeOf = (attempt: () => unknown): string | null => {
  try {
    attempt();
    return null;
  } catch (error) {
    return error instanceof Problem ? error.code : String(error);
  }
};

describe('the version of a resource', () => {
  it.each([0, 1, 7, 999_999_999])('comes back from its own ETag: %d', (version) => {
    expect(requireIfMatch(etagOfVersion(version))).toBe(version);
    expect(findIfMatch(` ${etagOfVersion(version)} `)).toBe(version);
  });

  it('must be named where it is required, and may be missing where it is not', () => {
    for (const header of [undefined, '']) {
      expect(codeOf(() => requireIfMatch(header))).toBe('PRECONDITION_REQUIRED');
      expect(findIfMatch(header)).toBeNull();
    }
  });

  it.each(['*', 'v1', 'W/"v1"', '"v-1"', '"v1.5"', '"v1", "v2"', '"v1234567890"', '"1"', '"v"', ' '])(
    'is never read out of %s',
    (header) => {
      expect(codeOf(() => requireIfMatch(header))).toBe('PRECONDITION_FAILED');
      expect(codeOf(() => findIfMatch(header))).toBe('PRECONDITION_FAILED');
    },
  );
});
