import { ValidationPipe } from '@nestjs/common';
import { Type } from 'class-transformer';
import { IsInt, IsOptional, Min, ValidateNested } from 'class-validator';
import fc from 'fast-check';
import { Problem } from '../../common/problem.js';
import { compileQuickCheck } from '../../core/validation/index.js';
import { LoginRequest, RegisterRequest } from '../../modules/auth/credentials.dto.js';
import { AddCartLineDto, ChangeCartLineDto } from '../../modules/cart/dto/cart.requests.js';
import { CreateCategoryRequest, PatchCategoryRequest } from '../../modules/catalog/dto/category.requests.js';
import { CreateProductRequest, PatchProductRequest } from '../../modules/catalog/dto/product.requests.js';
import { CreateVariantRequest, PatchVariantRequest } from '../../modules/catalog/dto/variant.requests.js';
import { SetStockDto } from '../../modules/inventory/dto/stock.dto.js';
import { PayOrderDto } from '../../modules/orders/dto/pay-order.dto.js';
import { PlaceOrderDto } from '../../modules/orders/dto/place-order.dto.js';
import { BodyValidationPipe } from './validation.js';

const UUID = '019364c1-7d3a-7000-8000-000000000001';
const VARIANT = { sku: 'A-1', options: { Size: 'M' }, prices: [{ amount: 1999, currency: 'EUR' }] };
const ADDRESS = {
  name: 'Ada',
  line1: '1 Main Street',
  city: 'Madrid',
  postalCode: '28001',
  country: 'ES',
  phone: '+34 600 000 000',
};

class Line {
  @IsInt() @Min(1) quantity!: number;
}

class Order {
  @ValidateNested({ each: true }) @Type(() => Line) lines!: Line[];
  @IsOptional() @IsInt() 'a/b~c'?: number;
}

describe('the validation of bodies', () => {
  const pointersOf = async (body: unknown): Promise<string[]> => {
    try {
      await new BodyValidationPipe().transform(body, { type: 'body', metatype: Order });
      return [];
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      expect(error.code).toBe('VALIDATION_FAILED');
      return (error.options.errors ?? []).map(({ pointer }) => pointer);
    }
  };

  it('takes what is valid', async () => {
    expect(await pointersOf({ lines: [{ quantity: 1 }] })).toEqual([]);
  });

  it('names every invalid field by its JSON pointer, once', async () => {
    expect(await pointersOf({ lines: [{ quantity: 1 }, { quantity: 'x' }, {}] })).toEqual([
      '/lines/1/quantity',
      '/lines/2/quantity',
    ]);
  });

  it('refuses fields that nobody knows, at any depth', async () => {
    expect((await pointersOf({ lines: [{ quantity: 1, price: 0 }], total: 0 })).sort()).toEqual([
      '/lines/0/price',
      '/total',
    ]);
  });

  it('escapes what a pointer must escape (RFC 6901)', async () => {
    expect(await pointersOf({ lines: [], 'a/b~c': 'x' })).toEqual(['/a~1b~0c']);
  });
});

/** One valid body for each class of bodies that the routes take. */
const BODIES: [new () => object, object][] = [
  [LoginRequest, { email: 'ada@example.com', password: 'secret' }],
  [RegisterRequest, { email: 'ada@example.com', password: 'long enough', name: 'Ada' }],
  [AddCartLineDto, { variantId: UUID, quantity: 2 }],
  [ChangeCartLineDto, { quantity: 2 }],
  [PayOrderDto, { provider: 'test', token: 'tok_success' }],
  [SetStockDto, { onHand: 7 }],
  [CreateCategoryRequest, { slug: 'shoes', name: 'Shoes', parentId: null, position: 3 }],
  [PatchCategoryRequest, { name: 'Shoes' }],
  [CreateVariantRequest, VARIANT],
  [PatchVariantRequest, { sku: 'A-2' }],
  [CreateProductRequest, { slug: 'boot', name: 'Boot', status: 'active', variants: [VARIANT] }],
  [PatchProductRequest, { name: 'Boot', categoryId: UUID }],
  [PlaceOrderDto, { lines: [{ variantId: UUID, quantity: 1 }], currency: 'EUR', shippingAddress: ADDRESS }],
  [PlaceOrderDto, { cartId: UUID, shippingAddress: ADDRESS }],
];

describe.each(BODIES)('the quick look at a %p', (dto, valid) => {
  const library = new ValidationPipe({ whitelist: true, forbidNonWhitelisted: true, transform: true });
  const check = compileQuickCheck(dto);
  const metadata = { type: 'body', metatype: dto } as const;

  it('takes a valid body', () => {
    expect(check?.(valid)).toBe(true);
  });

  it('takes nothing that the library refuses or changes', async () => {
    await fc.assert(
      fc.asyncProperty(damaged(valid), async (body) => {
        if (check?.(structuredClone(body)) !== true) return;
        const accepted: unknown = await library.transform(structuredClone(body), metadata);
        expect(JSON.parse(JSON.stringify(accepted))).toEqual(body);
      }),
      { numRuns: 300 },
    );
  });
});

/** The body with one of its values, at any depth, replaced, left out, doubled, or with a stranger beside it. */
function damaged(value: unknown): fc.Arbitrary<unknown> {
  const replaced = fc.oneof(
    fc.constantFrom(null, '', ' ', 'x', 'EUR', UUID, 0, 1, -1, 1.5, 1e9, true, [], {}, [[]], [null], [{}]),
    fc.string({ maxLength: 300 }),
    fc.integer(),
  );
  if (typeof value !== 'object' || value === null) return fc.oneof(replaced, fc.constant(value));
  if (Array.isArray(value)) {
    const list = value as unknown[];
    const inside = list.map((element, index) =>
      damaged(element).map((other) => list.with(index, other) as unknown),
    );
    return fc.oneof(replaced, fc.constant([...list, ...list]), ...inside);
  }
  const entries = Object.entries(value);
  const changes = entries.flatMap(([name, inner]) => [
    damaged(inner).map((other) => ({ ...value, [name]: other })),
    fc.constant(Object.fromEntries(entries.filter(([other]) => other !== name)) as unknown),
  ]);
  const stranger = fc
    .constantFrom('extra', 'constructor', 'toString')
    .map((name) => ({ ...value, [name]: 1 }));
  return fc.oneof(replaced, stranger, ...changes);
}
