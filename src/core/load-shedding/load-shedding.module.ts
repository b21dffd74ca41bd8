import { Global, Module } from '@nestjs/common';
import { AdaptiveLoadShedding } from './adaptive-load-shedding.service.js';
import { LoadShedding } from './load-shedding.js';

@Global()
@Module({
  providers: [AdaptiveLoadShedding, { provide: LoadShedding, useExisting: AdaptiveLoadShedding }],
  exports: [LoadShedding],
})
export class LoadSheddingModule {}
