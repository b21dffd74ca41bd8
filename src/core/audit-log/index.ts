export { AuditCheckpoints } from './audit-checkpoints.js';
export type { AuditCheckpoint } from './audit-checkpoint.js';
export {
  AuditLog,
  type AuditAction,
  type AuditActor,
  type AuditClass,
  type AuditEvent,
  type AuditOrigin,
  type AuditReceipt,
} from './audit-log.js';
export { AuditLogModule, AuditVerifierModule } from './audit-log.module.js';
export {
  Audited,
  type AuditedBy,
  auditedBy,
  auditedBySystem,
  auditNote,
  auditOriginOf,
} from './audit-origin.js';
export { type ArchiveReport, checkArchive } from './retention/archive-check.js';
export type { RetirementRecord } from './retention/retirement-record.js';
export { readKeptRecords, Retirements } from './retention/retirements.js';
export { AuditVerifier, type ChainReport } from './audit-verifier.js';
