import { Module } from '@nestjs/common';
import { CartModule } from '../cart/index.js';
import { InventoryModule } from '../inventory/index.js';
import { PaymentsModule } from '../payments/index.js';
import { OrderCheckoutService } from './order-checkout.service.js';
import { OrderPaymentService } from './order-payment.service.js';
import { OrderPlacement } from './order-placement.js';
import { OrdersController } from './orders.controller.js';
import { OrderJobs } from './orders.jobs.js';
import { OrdersRepository } from './orders.repository.js';
import { OrdersService } from './orders.service.js';
import { ReservationWatch } from './reservation-watch.js';

@Module({
  imports: [CartModule, InventoryModule, PaymentsModule],
  controllers: [OrdersController],
  providers: [
    OrdersRepository,
    OrderPlacement,
    OrderCheckoutService,
    OrderPaymentService,
    OrdersService,
    OrderJobs,
    ReservationWatch,
  ],
})
export class OrdersModule {}
