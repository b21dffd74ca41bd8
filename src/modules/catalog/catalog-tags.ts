/** What a cached answer depends on. */
export const catalogTags = {
  /** Everything shown of one product: its own texts, prices and stock. */
  product: (id: string): string => `product:${id}`,
  /** Which products a list holds and in which order, and that a product does not exist. */
  products: 'products',
  /** The category tree. */
  categories: 'categories',
  /** Which products are in stock. */
  stock: 'stock',
} as const;
