import { requestContextOf } from './request-context.js';
import { parseTraceparent } from './traceparent.js';

const [TRACE, SPAN] = ['4bf92f3577b34da6a3ce929d0e0e4736', '00f067aa0ba902b7'];

describe('a traceparent', () => {
  it('names the trace, the span and whether it is recorded', () => {
    expect(parseTraceparent(`00-${TRACE}-${SPAN}-01`)).toEqual({
      traceId: TRACE,
      spanId: SPAN,
      isSampled: true,
    });
    expect(parseTraceparent(`00-${TRACE}-${SPAN}-00`)?.isSampled).toBe(false);
    // A later version may have more to say.
    expect(parseTraceparent(`01-${TRACE}-${SPAN}-03-more`)?.isSampled).toBe(true);
  });

  it.each([
    undefined,
    ['00'],
    '',
    `ff-${TRACE}-${SPAN}-01`,
    `00-${'0'.repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}`,
    `00-${TRACE}-${SPAN}-01"}`,
  ])('is not %j', (header) => {
    expect(parseTraceparent(header)).toBeNull();
  });
});

describe('the context of a request', () => {
  const headers = { traceparent: `00-${TRACE}-${SPAN}-00` };

  it('has the trace that is recorded, otherwise the one that the caller named', () => {
    expect(requestContextOf({ id: 'r', headers, traceId: 'ours' })).toEqual({
      requestId: 'r',
      traceId: 'ours',
    });
    expect(requestContextOf({ id: 'r', headers, traceId: null })).toEqual({ requestId: 'r', traceId: TRACE });
    expect(requestContextOf({ id: 'r', headers: {} })).toEqual({ requestId: 'r' });
  });
});
