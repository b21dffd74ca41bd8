// @ts-check
// A crowd reads the catalogue, most of it the same few products. `npm run load -- browse`
import exec from 'k6/execution';
import { listCategories } from '../actions/list-categories.js';
import { listCatalogue, listProducts } from '../actions/list-products.js';
import { viewProduct } from '../actions/view-product.js';
import { chooseFirstAddress, visitor } from '../lib/crowd.js';
import { steadyArrivals } from '../lib/crowd-shape.js';
import { OBJECTIVES } from '../lib/objectives.js';
import { numberParameter } from '../lib/parameters.js';
import { reportOn } from '../lib/report.js';
import { answeredWithin, errorShareMax, flawless, watched, withinObjectives } from '../lib/thresholds.js';
import { createZipfPicker } from '../lib/zipf.js';

const RATE = numberParameter('RATE', 300);
const VUS = numberParameter('VUS', 100);
const PRODUCTS = numberParameter('PRODUCTS', 500);

/** @type {import('k6/options').Options} */
export const options = {
  scenarios: { browse: steadyArrivals({ rate: RATE, vus: VUS }) },
  thresholds: {
    ...watched(),
    ...flawless(errorShareMax(OBJECTIVES)),
    ...withinObjectives(OBJECTIVES),
    ...answeredWithin(OBJECTIVES, ['view_product', 'list_products']),
  },
};

export const handleSummary = reportOn('browse');

/**
 * @typedef {object} BrowseData
 * @property {number} firstAddress
 * @property {{ slug: string, word: string }[]} products
 */

/** @returns {BrowseData} */
export function setup() {
  const firstAddress = chooseFirstAddress();
  const products = listCatalogue(visitor(firstAddress, 0), PRODUCTS);
  return {
    firstAddress,
    products: products.map(({ slug, name }) => ({ slug, word: name.split(' ').pop() ?? name })),
  };
}

/** @type {(() => number) | null} one for each virtual user, made when the catalogue's size is known */
let pickRank = null;

/** @param {BrowseData} data */
export default function browse({ firstAddress, products }) {
  pickRank ??= createZipfPicker(products.length);
  const client = visitor(firstAddress, exec.scenario.iterationInTest);
  const product = products[pickRank()];
  if (!product) return;

  // Most visits come from a link to a product; the others begin with the list or a search.
  const path = Math.random();
  if (path < 0.65) viewProduct(client, product.slug);
  else if (path < 0.9) listProducts(client);
  else if (path < 0.95) listProducts(client, { q: product.word });
  else listCategories(client);
}
