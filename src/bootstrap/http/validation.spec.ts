import { Type } from 'class-transformer';
import { IsInt, IsOptional, Min, ValidateNested } from 'class-validator';
import { Problem } from '../../common/problem.js';
import { createValidationPipe } from './validation.js';

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
      await createValidationPipe().transform(body, { type: 'body', metatype: Order });
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
