import { CatalogueHeaderError, ProductRowReader } from './product-row.js';

const HEADER =
  'slug,sku,name,price,currency,status,description,category1,option1_name,option1_value,option2_name,option2_value,inventory_count';

function read(cells: Partial<Record<string, string>>) {
  const header = HEADER.split(',');
  const row: Partial<Record<string, string>> = {
    slug: 'mill',
    sku: 'MILL-RED',
    price: '12.50',
    currency: 'USD',
    ...cells,
  };
  return new ProductRowReader(header, 'USD').read(
    7,
    header.map((name) => row[name] ?? ''),
  );
}

describe('ProductRowReader', () => {
  it('reads the row of a product', () => {
    expect(
      read({
        name: ' Coffee mill ',
        price: '0',
        status: 'Active',
        category1: 'Kitchen -> Mills',
        description: 'Grinds.',
      }),
    ).toEqual({
      line: 7,
      slug: 'mill',
      sku: 'MILL-RED',
      name: 'Coffee mill',
      description: 'Grinds.',
      status: 'active',
      categoryPath: ['Kitchen', 'Mills'],
      options: null,
      currency: 'USD',
      amountMinor: 0,
      onHand: null,
    });
  });

  it('reads the row of a variant', () => {
    expect(
      read({
        option1_name: 'Color',
        option1_value: 'Red',
        option2_name: 'Size',
        option2_value: 'L',
        inventory_count: '5000',
      }),
    ).toMatchObject({ name: null, options: { Color: 'Red', Size: 'L' }, amountMinor: 1250, onHand: 5000 });
  });

  it.each([
    ['879.99', 'USD', 87999],
    ['879.9', 'USD', 87990],
    ['1200', 'JPY', 1200],
    ['1200.00', 'JPY', 1200],
    ['1.234', 'KWD', 1234],
    ['', 'USD', null],
  ])('reads the price %j in %s as minor units', (price, currency, amountMinor) => {
    expect(read({ price, currency })).toMatchObject({ amountMinor, currency });
  });

  it('takes the default currency when the row names none', () => {
    expect(read({ currency: '' })).toMatchObject({ currency: 'USD' });
  });

  it.each([
    [{ slug: '' }, 'slug is empty'],
    [{ slug: 'Coffee Mill' }, 'slug "Coffee Mill" is not'],
    [{ slug: 'x'.repeat(121) }, 'slug has 121 characters'],
    [{ sku: '' }, 'sku is empty'],
    [{ price: '12,50' }, 'price "12,50" is not an amount in USD'],
    [{ price: '-1' }, 'price "-1"'],
    [{ price: '1e3' }, 'price "1e3"'],
    [{ price: '1.005' }, 'price "1.005"'],
    [{ price: '1.5', currency: 'JPY' }, 'amount in JPY'],
    [{ price: '99999999999999' }, 'price'],
    [{ currency: 'usd' }, 'currency "usd"'],
    [{ status: 'sold' }, 'status "sold" is not one of draft, active, archived'],
    [{ category1: 'A -> -> B' }, 'category1'],
    [{ option1_name: 'Color' }, 'a name without a value'],
    [
      { option1_name: 'Color', option1_value: 'Red', option2_name: 'Color', option2_value: 'Blue' },
      'comes twice',
    ],
    [{ inventory_count: '1.5' }, 'inventory_count "1.5"'],
    [{ inventory_count: '-3' }, 'inventory_count "-3"'],
    [{ inventory_count: '1000000001' }, 'inventory_count'],
    [{ name: 'x'.repeat(201) }, 'name has 201 characters'],
    [{ description: 'a\0b' }, 'NUL'],
    [{ description: 'caf\uFFFD' }, 'UTF-8'],
    [{ status: `\u001b[31m${'x'.repeat(100)}` }, 'status "\\u001b[31m'],
  ])('refuses %j and says why', (cells, reason) => {
    expect(read(cells)).toMatchObject({ line: 7, reason: expect.stringContaining(reason) as string });
  });

  it('refuses rows that do not fit the header', () => {
    const reader = new ProductRowReader(HEADER.split(','), 'USD');
    expect(reader.read(2, ['mill', 'MILL'])).toEqual({
      line: 2,
      slug: 'mill',
      reason: 'the row has 2 cells, the header 13',
    });
  });

  it('refuses a header without the columns of a catalogue', () => {
    expect(() => new ProductRowReader(['slug', 'name'], 'USD')).toThrow(
      new CatalogueHeaderError('columns are missing: sku, price, currency'),
    );
    expect(() => new ProductRowReader([...HEADER.split(','), ' SKU'], 'USD')).toThrow('comes twice');
  });
});
