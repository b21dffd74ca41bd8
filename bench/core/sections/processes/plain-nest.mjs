// A NestJS application as its documentation recommends it for an orderly end: enableShutdownHooks, and a readiness
// route. Answers what the rolling restarts ask.
import { Controller, Get, Module, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';

class Shop {
  ready() {
    return { status: 'ok' };
  }
  products() {
    return { items: [] };
  }
  order() {
    return { id: 'one' };
  }
}

/** @param {'ready' | 'products' | 'order'} method @param {MethodDecorator} decorator */
function route(method, decorator) {
  const descriptor = Object.getOwnPropertyDescriptor(Shop.prototype, method);
  if (descriptor !== undefined) decorator(Shop.prototype, method, descriptor);
}
route('ready', Get('health/ready'));
route('products', Get('api/v1/products'));
route('order', Post('api/v1/orders'));
Controller()(Shop);

class PlainModule {}
Module({ controllers: [Shop] })(PlainModule);

const app = await NestFactory.create(PlainModule, new FastifyAdapter(), { logger: false });
app.enableShutdownHooks();
await app.listen(Number(process.env['PORT']), '127.0.0.1');
