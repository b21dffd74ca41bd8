/** One kind of article: what it is called, what it costs, how its variants differ. */
export interface Article {
  readonly noun: string;
  /** Range of the price of its plainest variant, in whole US dollars. */
  readonly usd: readonly [number, number];
  readonly option: OptionName;
  readonly second?: OptionName;
}

export interface Shelf {
  readonly name: string;
  readonly materials: readonly string[];
  readonly traits: readonly string[];
  readonly articles: readonly Article[];
}

export interface Department {
  readonly name: string;
  readonly shelves: readonly Shelf[];
}

export type OptionName = keyof typeof OPTIONS;

/** Values with what each adds to the price, in per cent. */
export const OPTIONS = {
  Color: { Black: 0, White: 0, Sand: 0, Olive: 0, Indigo: 0, Terracotta: 0, Graphite: 0, Cream: 0 },
  Size: { XS: 0, S: 0, M: 0, L: 0, XL: 5, XXL: 10 },
  Shoe: { '36': 0, '37': 0, '38': 0, '39': 0, '40': 0, '41': 0, '42': 0, '43': 0, '44': 0, '45': 0 },
  Finish: { Oak: 0, Walnut: 15, Ash: 5, 'Black stain': 5 },
  Storage: { '128 GB': 0, '256 GB': 12, '512 GB': 30, '1 TB': 60 },
  Capacity: { '0.5 l': 0, '1 l': 15, '1.5 l': 30, '2 l': 45 },
  Weight: { '250 g': 0, '500 g': 85, '1 kg': 240 },
  Bed: { Single: 0, Double: 35, King: 60 },
} as const satisfies Record<string, Record<string, number>>;

export const OPTION_LABELS: Readonly<Record<OptionName, string>> = {
  Color: 'Color',
  Size: 'Size',
  Shoe: 'Size',
  Finish: 'Finish',
  Storage: 'Storage',
  Capacity: 'Capacity',
  Weight: 'Weight',
  Bed: 'Size',
};

const article = (
  noun: string,
  from: number,
  to: number,
  option: OptionName,
  second?: OptionName,
): Article => ({
  noun,
  usd: [from, to],
  option,
  ...(second === undefined ? {} : { second }),
});

/** The demo shop. Names of products are made up around these nouns. */
export const DEPARTMENTS: readonly Department[] = [
  {
    name: 'Kitchen',
    shelves: [
      {
        name: 'Coffee & Tea',
        materials: ['borosilicate glass', 'brushed steel', 'glazed stoneware', 'enamelled cast iron'],
        traits: ['Brews evenly', 'Keeps its heat for an hour', 'Pours without a drip', 'Fits every hob'],
        articles: [
          article('Pour-Over Kettle', 49, 119, 'Color'),
          article('Hand Mill', 35, 140, 'Color'),
          article('Moka Pot', 24, 69, 'Capacity'),
          article('Teapot', 29, 79, 'Capacity'),
        ],
      },
      {
        name: 'Cookware',
        materials: ['carbon steel', 'cast iron', 'tri-ply steel', 'hard-anodised aluminium'],
        traits: ['Goes from hob to oven', 'Gets better with use', 'Has a lid that seals', 'Stays flat'],
        articles: [
          article('Sauté Pan', 39, 149, 'Color'),
          article('Casserole', 79, 289, 'Color'),
          article('Stock Pot', 59, 179, 'Capacity'),
        ],
      },
      {
        name: 'Tableware',
        materials: ['stoneware', 'bone china', 'olive wood', 'recycled glass'],
        traits: ['Stacks neatly', 'Is safe in the dishwasher', 'Is thrown by hand', 'Rings when tapped'],
        articles: [
          article('Dinner Plate', 14, 39, 'Color'),
          article('Breakfast Bowl', 12, 29, 'Color'),
          article('Carafe', 19, 49, 'Capacity'),
        ],
      },
    ],
  },
  {
    name: 'Home',
    shelves: [
      {
        name: 'Furniture',
        materials: ['solid oak', 'ash veneer', 'powder-coated steel', 'woven cane'],
        traits: ['Assembles in ten minutes', 'Holds 120 kg', 'Is repaired, not replaced', 'Folds flat'],
        articles: [
          article('Side Table', 89, 249, 'Finish'),
          article('Desk', 249, 690, 'Finish'),
          article('Dining Chair', 119, 329, 'Finish'),
          article('Bookcase', 179, 549, 'Finish'),
        ],
      },
      {
        name: 'Bedding',
        materials: ['washed linen', 'organic percale', 'brushed flannel', 'merino wool'],
        traits: [
          'Breathes in summer',
          'Softens with every wash',
          'Is sewn with double seams',
          'Needs no iron',
        ],
        articles: [
          article('Duvet Cover', 69, 199, 'Bed', 'Color'),
          article('Fitted Sheet', 39, 99, 'Bed'),
          article('Throw', 59, 169, 'Color'),
        ],
      },
      {
        name: 'Lighting',
        materials: ['spun aluminium', 'opal glass', 'folded paper', 'turned beech'],
        traits: ['Dims to a glow', 'Throws no glare', 'Turns any way', 'Takes any bulb'],
        articles: [
          article('Desk Lamp', 49, 189, 'Color'),
          article('Pendant', 79, 349, 'Color'),
          article('Floor Lamp', 119, 429, 'Finish'),
        ],
      },
    ],
  },
  {
    name: 'Clothing',
    shelves: [
      {
        name: 'Tops',
        materials: ['organic cotton', 'merino', 'hemp jersey', 'recycled fleece'],
        traits: ['Keeps its shape', 'Wears in, not out', 'Has no itching labels', 'Layers well'],
        articles: [
          article('T-Shirt', 19, 45, 'Size', 'Color'),
          article('Overshirt', 69, 149, 'Size'),
          article('Sweater', 79, 189, 'Size'),
        ],
      },
      {
        name: 'Outerwear',
        materials: ['waxed canvas', 'three-layer nylon', 'boiled wool', 'recycled down'],
        traits: ['Sheds rain', 'Packs into its pocket', 'Blocks the wind', 'Has room for gloves'],
        articles: [
          article('Rain Jacket', 119, 349, 'Size'),
          article('Parka', 199, 549, 'Size'),
          article('Gilet', 79, 199, 'Size'),
        ],
      },
      {
        name: 'Shoes',
        materials: ['full-grain leather', 'suede', 'canvas', 'knitted polyester'],
        traits: ['Can be resoled', 'Needs no breaking in', 'Grips wet stone', 'Weighs little'],
        articles: [
          article('Trail Runner', 89, 179, 'Shoe'),
          article('Chelsea Boot', 129, 289, 'Shoe'),
          article('Canvas Sneaker', 49, 99, 'Shoe'),
        ],
      },
    ],
  },
  {
    name: 'Electronics',
    shelves: [
      {
        name: 'Audio',
        materials: ['aluminium', 'recycled plastic', 'woven fabric', 'walnut'],
        traits: [
          'Plays for 30 hours',
          'Cancels the noise of trains',
          'Pairs with two devices',
          'Has a spare battery',
        ],
        articles: [
          article('Headphones', 79, 399, 'Color'),
          article('Bookshelf Speaker', 149, 690, 'Finish'),
          article('Turntable', 199, 890, 'Finish'),
        ],
      },
      {
        name: 'Computing',
        materials: ['anodised aluminium', 'magnesium', 'recycled plastic', 'glass'],
        traits: ['Opens with four screws', 'Runs without a fan', 'Charges in an hour', 'Has a matt screen'],
        articles: [
          article('Laptop', 690, 2490, 'Storage'),
          article('Tablet', 249, 990, 'Storage', 'Color'),
          article('Portable Drive', 59, 149, 'Storage'),
          article('Keyboard', 59, 219, 'Color'),
        ],
      },
      {
        name: 'Phones',
        materials: ['ceramic', 'aluminium', 'recycled plastic', 'hardened glass'],
        traits: ['Lasts two days', 'Survives a swim', 'Gets updates for seven years', 'Fits one hand'],
        articles: [
          article('Smartphone', 249, 1190, 'Storage', 'Color'),
          article('Charging Stand', 25, 79, 'Color'),
        ],
      },
    ],
  },
  {
    name: 'Outdoor',
    shelves: [
      {
        name: 'Camping',
        materials: ['ripstop nylon', 'titanium', 'hardened aluminium', 'cotton canvas'],
        traits: ['Pitches in two minutes', 'Weighs less than a book', 'Withstands a storm', 'Packs small'],
        articles: [
          article('Tent', 149, 690, 'Color'),
          article('Sleeping Bag', 99, 389, 'Size'),
          article('Camp Stove', 49, 149, 'Color'),
          article('Insulated Bottle', 24, 49, 'Capacity', 'Color'),
        ],
      },
      {
        name: 'Cycling',
        materials: ['chromoly steel', '6061 aluminium', 'reflective nylon', 'vegetable-tanned leather'],
        traits: [
          'Mounts without tools',
          'Shines in headlights',
          'Keeps dry what is inside',
          'Swallows cobbles',
        ],
        articles: [
          article('Pannier', 59, 149, 'Color'),
          article('Helmet', 59, 219, 'Size', 'Color'),
          article('City Bike', 590, 1890, 'Size'),
        ],
      },
    ],
  },
  {
    name: 'Pantry',
    shelves: [
      {
        name: 'Coffee Beans',
        materials: ['washed Caturra', 'natural Heirloom', 'honey-processed Bourbon', 'washed Gesha'],
        traits: [
          'Tastes of red fruit',
          'Ends on cocoa',
          'Is roasted on Mondays',
          'Suits filter and espresso',
        ],
        articles: [article('Single Origin', 12, 29, 'Weight'), article('House Blend', 9, 19, 'Weight')],
      },
      {
        name: 'Chocolate & Sweets',
        materials: ['Criollo cacao', 'toasted almonds', 'wildflower honey', 'sea salt'],
        traits: ['Melts slowly', 'Snaps cleanly', 'Is made in small batches', 'Comes in a box worth keeping'],
        articles: [article('Chocolate Bar', 4, 12, 'Weight'), article('Nougat', 6, 15, 'Weight')],
      },
    ],
  },
];
