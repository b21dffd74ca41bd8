export { type PaymentIntent } from './payment-intent.js';
export { PaymentIntentsRepository } from './payment-intents.repository.js';
export { type ChargeOutcome, PaymentTimeoutError, PaymentUnavailableError } from './payment-provider.js';
export { type ChargeLeave, PAYMENT_PROVIDERS, PaymentsService } from './payments.service.js';
export { PaymentsModule } from './payments.module.js';
export { TEST_TOKENS } from './test-payment-provider.js';
