import { Global, Module } from '@nestjs/common';
import { AdmissionKeeper } from './admission-keeper.js';
import { AdmissionLedger } from './admission-ledger.js';

@Global()
@Module({ providers: [AdmissionLedger, AdmissionKeeper], exports: [AdmissionLedger, AdmissionKeeper] })
export class AdmissionModule {}
