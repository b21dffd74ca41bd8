import { Global, Module } from '@nestjs/common';
import { ShortCuts } from './short-cut.js';

@Global()
@Module({ providers: [ShortCuts], exports: [ShortCuts] })
export class ShortCutModule {}
