import { Module } from '@nestjs/common';
import { CartRepository } from './cart.repository.js';
import { CartService } from './cart.service.js';

@Module({ providers: [CartRepository, CartService], exports: [CartRepository, CartService] })
export class CartModule {}
