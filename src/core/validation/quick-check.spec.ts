import { Exclude, Transform, Type } from 'class-transformer';
import { IsInt, IsOptional, IsString, Length, Min, ValidateIf, ValidateNested } from 'class-validator';
import { compileQuickCheck } from './quick-check.js';

class Line {
  @IsInt() @Min(1) quantity!: number;
}

class Order {
  @ValidateNested({ each: true }) @Type(() => Line) lines!: Line[];
  @IsOptional() @IsString() note?: string;
  @IsOptional() @IsString({ each: true }) tags?: string[];
}

describe('a compiled check', () => {
  const check = compileQuickCheck(Order);
  if (check === null) throw new Error('the class can be compiled');

  it.each([
    { lines: [] },
    { lines: [{ quantity: 1 }, { quantity: 2 }] },
    { lines: [], note: 'x', tags: ['a', 'b'] },
    { lines: [], note: null },
  ])('takes %j', (value) => {
    expect(check(value)).toBe(true);
  });

  it.each([
    ['no object', 'text'],
    ['null', null],
    ['an array', []],
    ['an unknown field', { lines: [], total: 1 }],
    ['an unknown field below', { lines: [{ quantity: 1, price: 1 }] }],
    ['a wrong type below', { lines: [{ quantity: '1' }] }],
    ['a null element', { lines: [null] }],
    ['an element that is an array', { lines: [[]] }],
    ['a wrong element', { lines: [], tags: ['a', 1] }],
    ['an object with a prototype of its own', Object.create({ lines: [] })],
    ['a field that hides the constructor', { lines: [], constructor: 1 }],
  ])('leaves %s to the pipe', (_, value) => {
    expect(check(value)).toBe(false);
  });

  class Plain {
    @IsString() text!: string;
  }
  class Transformed {
    @IsString() @Transform(({ value }) => String(value)) text!: string;
  }
  class Typed {
    @IsInt() @Type(() => Number) count!: number;
  }
  class Excluding {
    @IsString() @Exclude() text!: string;
  }
  class WithDefault {
    @IsOptional() @IsInt() limit = 24;
  }
  class Grouped {
    @IsString({ groups: ['admin'] }) text!: string;
    @IsInt() count!: number;
  }
  class Conditional {
    @Length(1, 5, { validateIf: () => false }) text!: string;
  }
  class OfUnknownElements {
    @ValidateNested({ each: true }) lines!: unknown[];
  }
  class Undecorated {
    text!: string;
  }
  class Below {
    @ValidateNested() @Type(() => WithDefault) page!: WithDefault;
  }

  it.each([
    [Transformed],
    [Typed],
    [Excluding],
    [WithDefault],
    [Conditional],
    [OfUnknownElements],
    [Undecorated],
    [Below],
  ] as [new () => object][])('is not made for %p, which asks for more than a look', (dto) => {
    expect(compileQuickCheck(Plain)).not.toBeNull();
    expect(compileQuickCheck(dto)).toBeNull();
  });

  it('is not made for groups', () => {
    class Always {
      @ValidateIf(() => true, { groups: ['admin'] }) @IsString() text!: string;
    }
    expect(compileQuickCheck(Grouped)).toBeNull();
    expect(compileQuickCheck(Always)).toBeNull();
  });
});
