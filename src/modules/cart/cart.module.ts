import { Module } from '@nestjs/common';
import { CatalogModule } from '../catalog/index.js';
import { CartJanitor } from './cart-janitor.js';
import { CartSignIn } from './cart-sign-in.js';
import { CartMergeRepository } from './cart-merge.repository.js';
import { CartController } from './cart.controller.js';
import { CartRepository } from './cart.repository.js';
import { CartService } from './cart.service.js';

@Module({
  imports: [CatalogModule],
  controllers: [CartController],
  providers: [CartRepository, CartMergeRepository, CartService, CartJanitor, CartSignIn],
  exports: [CartRepository, CartService],
})
export class CartModule {}
