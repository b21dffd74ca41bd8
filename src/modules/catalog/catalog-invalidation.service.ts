import { Injectable, type OnModuleInit } from '@nestjs/common';
import { AnswerCache } from '../../core/answer-cache/index.js';
import { EventStream } from '../../core/events/index.js';
import { CATEGORIES_CHANGED, PRODUCT_CHANGED, PRODUCTS_CHANGED, STOCK_CHANGED } from './catalog-events.js';
import { catalogTags } from './catalog-tags.js';

/** Makes the answers in memory forget what an event says has changed. */
@Injectable()
export class CatalogInvalidation implements OnModuleInit {
  constructor(
    private readonly events: EventStream,
    private readonly cache: AnswerCache,
  ) {}

  onModuleInit(): void {
    this.events.on(PRODUCT_CHANGED, ({ aggregateId, payload, position }) => {
      // Whatever an older or newer writer leaves out is taken for the worst.
      const tags = [catalogTags.product(aggregateId)];
      if (payload['affectsLists'] !== false) tags.push(catalogTags.products);
      this.cache.invalidate(tags, position);
    });
    this.events.on(PRODUCTS_CHANGED, ({ payload, position }) => {
      const ids = Array.isArray(payload['productIds']) ? (payload['productIds'] as unknown[]) : [];
      this.cache.invalidate(
        [catalogTags.products, ...ids.map((id) => catalogTags.product(String(id)))],
        position,
      );
    });
    this.events.on(CATEGORIES_CHANGED, ({ position }) => {
      this.cache.invalidate([catalogTags.categories], position);
    });
    this.events.on(STOCK_CHANGED, ({ payload, position }) => {
      const tags = [catalogTags.product(String(payload['productId']))];
      if (payload['crossedZero'] !== false) tags.push(catalogTags.stock);
      this.cache.invalidate(tags, position);
    });
  }
}
