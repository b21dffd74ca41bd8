export { isDatabaseUnavailable, isForeignKeyViolation, isUniqueViolation } from './database-errors.js';
export { Prisma, PrismaClient } from './generated/client.js';
export { OptimizedPrismaService, type ReadFloor } from './optimized-prisma.service.js';
export { PrismaModule } from './prisma.module.js';
export { SqlTransaction, type SqlParameter } from './sql-transaction.js';
export { type WalPosition } from './wal-position.js';
