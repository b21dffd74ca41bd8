import { Injectable } from '@nestjs/common';
import { OptimizedPrismaService, Prisma } from '../../infrastructure/database/prisma/index.js';
import { timeOfId } from './audit-entry.js';

/** Undefined does not restrict. */
export interface AuditFilter {
  readonly actor?: string | undefined;
  readonly action?: string | undefined;
  /** `<kind>:<id>`, or `<kind>` for all of a kind. */
  readonly resource?: string | undefined;
  readonly from?: Date | undefined;
  /** Exclusive. */
  readonly to?: Date | undefined;
}

export interface AuditRecord {
  readonly id: string;
  readonly occurredAt: Date;
  readonly chain: number;
  readonly seq: string;
  readonly actor: string;
  readonly action: string;
  readonly resource: string;
  readonly details: Record<string, unknown>;
}

/** Reads entries, from a replica when there is one: an entry takes its time to arrive anyway. */
@Injectable()
export class AuditQuery {
  constructor(private readonly database: OptimizedPrismaService) {}

  /** Newest first, before the given entry. */
  list(filter: AuditFilter, page: { beforeId: string | null; limit: number }): Promise<AuditRecord[]> {
    return this.database.read(null, async (client) => {
      const { actor, action, resource, from, to } = filter;
      const { beforeId, limit } = page;
      // An id says its time, which spares the partitions that cannot have it.
      const beforeTime = beforeId === null ? undefined : new Date(timeOfId(beforeId));
      const rows = await client.auditEntry.findMany({
        where: {
          ...(actor === undefined ? {} : { actor }),
          ...(action === undefined ? {} : { action }),
          ...(resource === undefined ? {} : { resource: resourceRange(resource) }),
          ...(beforeId === null ? {} : { id: { lt: beforeId } }),
          occurredAt: {
            ...(from === undefined ? {} : { gte: from }),
            ...(to === undefined ? {} : { lt: to }),
            ...(beforeTime === undefined ? {} : { lte: beforeTime }),
          },
        },
        orderBy: { id: 'desc' },
        take: limit,
        omit: { hash: true },
      });
      return rows.map(({ seq, details, ...row }) => ({
        ...row,
        seq: String(seq),
        details: details as Record<string, unknown>,
      }));
    });
  }
}

/** A kind without an id means every one of it. */
function resourceRange(resource: string): string | Prisma.StringFilter<'AuditEntry'> {
  // ';' is what follows ':' in the order of the column.
  return resource.includes(':') ? resource : { gte: `${resource}:`, lt: `${resource};` };
}
