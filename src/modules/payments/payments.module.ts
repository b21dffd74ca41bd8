import { Module } from '@nestjs/common';
import { PaymentIntentsRepository } from './payment-intents.repository.js';
import { PaymentsService } from './payments.service.js';
import { TestPaymentProvider } from './test-payment-provider.js';
import { TestProviderRepository } from './test-provider.repository.js';

@Module({
  providers: [PaymentIntentsRepository, PaymentsService, TestPaymentProvider, TestProviderRepository],
  exports: [PaymentIntentsRepository, PaymentsService],
})
export class PaymentsModule {}
