import { ERROR_CODES } from './error-codes.js';
import { Problem } from './problem.js';

describe('a problem', () => {
  it('is an RFC 9457 document with the status and title of its code', () => {
    const problem = new Problem('ORDER_OUT_OF_STOCK', {
      detail: 'One is left.',
      extensions: { shortages: [{ available: 1 }] },
    });
    expect(problem.toDocument()).toEqual({
      type: 'urn:caudal:error:ORDER_OUT_OF_STOCK',
      title: 'Not enough stock',
      status: 409,
      code: 'ORDER_OUT_OF_STOCK',
      detail: 'One is left.',
      shortages: [{ available: 1 }],
    });
  });

  it('leaves out what it does not know', () => {
    expect(Object.keys(new Problem('CART_EMPTY').toDocument())).toEqual(['type', 'title', 'status', 'code']);
  });

  it('never tells the client its cause', () => {
    const problem = new Problem('INTERNAL_ERROR', { cause: new Error('secret') });
    expect(JSON.stringify(problem.toDocument())).not.toContain('secret');
    expect(problem.cause).toEqual(new Error('secret'));
  });
});

describe('the table of error codes', () => {
  it.each(Object.entries(ERROR_CODES))(
    '%s has the form AREA_REASON, an error status and words',
    (code, entry) => {
      expect(code).toMatch(/^[A-Z]+(_[A-Z]+)+$/);
      expect(entry.status).toBeGreaterThanOrEqual(400);
      expect(entry.status).toBeLessThan(600);
      expect(entry.title).toMatch(/^[A-Z].*[^.]$/);
      expect(entry.meaning).toMatch(/^[A-Z`].*\.$/);
    },
  );
});
