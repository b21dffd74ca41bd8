export { isDatabaseUnavailable, isForeignKeyViolation, isUniqueViolation } from './database-errors.js';
export { Prisma, PrismaClient } from './generated/client.js';
export { connectionBudget, type ConnectionBudget } from './database-nodes.js';
export { OptimizedPrismaService } from './optimized-prisma.service.js';
export { type ReadFloor } from './read-router.js';
export { PrismaModule } from './prisma.module.js';
export { SqlTransaction, type SqlParameter } from './sql-transaction.js';
export { type WalPosition } from './wal-position.js';
