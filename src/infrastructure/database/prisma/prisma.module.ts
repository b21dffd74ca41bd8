import { Global, Module } from '@nestjs/common';
import { OptimizedPrismaService } from './optimized-prisma.service.js';

@Global()
@Module({ providers: [OptimizedPrismaService], exports: [OptimizedPrismaService] })
export class PrismaModule {}
