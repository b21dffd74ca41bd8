import { newId } from '../../common/ids.js';
import { auditLine, FIELD_SEPARATOR, parseEntry, traceparentOf } from './audit-entry.js';
import type { AuditAction } from './audit-log.js';

const TRACEPARENT = `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01`;
const FORGED = '", "traceparent": "forged"}';

describe('the trace of an audit entry', () => {
  const action: AuditAction = { actor: 'anonymous', action: 'thing.done', resource: 'thing:1' };
  const origin = { requestId: 'r', traceId: null, ip: null };
  const read = (fields: Partial<AuditAction>): string | null => {
    const line = auditLine({ ...action, ...fields }, 'security');
    const entry = parseEntry(newId() + FIELD_SEPARATOR + line);
    if (entry === null) throw new Error('not an entry');
    return traceparentOf(entry);
  };

  it('is that of its request', () => {
    expect(read({ origin: { ...origin, traceparent: TRACEPARENT } })).toBe(TRACEPARENT);
    expect(read({ origin })).toBeNull();
    expect(read({ origin: null })).toBeNull();
  });

  it.each([
    ['what changed', { before: { traceparent: 'forged' }, after: { traceparent: 'forged' } }],
    ['a text of what changed', { before: FORGED }],
    ['the cause', { cause: FORGED }],
    ['the id of the request', { origin: { ...origin, requestId: FORGED } }],
  ] as const)('is never %s', (_, fields) => {
    expect(read(fields)).toBeNull();
    expect(read({ ...fields, origin: { ...origin, traceparent: TRACEPARENT } })).toBe(TRACEPARENT);
  });
});
