import { auditNote, type AuditedBy } from '../../core/audit-log/index.js';
import type { NewEvent } from '../../core/events/index.js';
import type { Role } from './roles.js';

/** An account was made; the event says nothing of whose it is. */
export function userRegistered(id: string, role: Role, by: AuditedBy): NewEvent {
  const audit = auditNote({ ...by, action: 'user.registered', resource: `user:${id}`, after: { role } });
  return {
    type: 'user.registered.v1',
    aggregateId: id,
    payload: { userId: id, role },
    isBroadcast: false,
    audit,
  };
}
