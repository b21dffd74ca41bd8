// The shop owner's side of the demo: one new product whose single variant is the hot one, and
// what the shop itself says is left of it.
import { LocalInstallationError } from '../load/local-installation.mjs';

/**
 * @typedef {object} HotVariant
 * @property {string} variantId
 * @property {string} slug
 */

export class SaleAdministration {
  #client;
  #token;

  /**
   * @param {import('./shop-client.mjs').ShopClient} client
   * @param {string} token access token of an administrator
   */
  constructor(client, token) {
    this.#client = client;
    this.#token = token;
  }

  /**
   * @param {import('./shop-client.mjs').ShopClient} client
   * @param {{ email: string, password: string }} credentials
   * @returns {Promise<SaleAdministration>}
   */
  static async signIn(client, { email, password }) {
    const answer = await client.send({
      method: 'POST',
      path: '/auth/login',
      body: { email, password },
    });
    expectStatus(answer, [200, 201], 'Signing in as ADMIN_EMAIL');
    return new SaleAdministration(client, answer.body.accessToken ?? '');
  }

  /**
   * @param {{ runId: string, stock: number }} sale
   * @returns {Promise<HotVariant>}
   */
  async openSale({ runId, stock }) {
    const slug = `flash-sale-${runId}`;
    const created = await this.#send('POST', '/admin/products', {
      slug,
      name: `Flash sale ${runId}`,
      description: `${String(stock)} units, first come, first served.`,
      variants: [
        {
          sku: `FLASH-${runId}`.toUpperCase(),
          options: { edition: 'limited' },
          prices: [
            { currency: 'USD', amount: 19_900 },
            { currency: 'EUR', amount: 18_900 },
          ],
        },
      ],
    });
    expectStatus(created, [201], 'Creating the product');
    const variantId = created.body.variants?.[0]?.id;
    if (!variantId) throw new LocalInstallationError('The created product has no variant');
    await this.#setStock(variantId, stock);
    return { variantId, slug };
  }

  /**
   * @param {string} variantId
   * @returns {Promise<number>} units that can still be sold
   */
  async getUnitsLeft(variantId) {
    const answer = await this.#send('GET', `/admin/stock/${variantId}`);
    expectStatus(answer, [200], 'Reading the stock');
    if (answer.body.available === undefined) {
      throw new LocalInstallationError('The stock does not say what is available');
    }
    return answer.body.available;
  }

  /**
   * For the live view, where a missed look does not matter.
   *
   * @param {string} variantId
   * @returns {Promise<number | null>}
   */
  async findUnitsLeft(variantId) {
    const answer = await this.#send('GET', `/admin/stock/${variantId}`);
    return answer.body.available ?? null;
  }

  /**
   * @param {string} variantId
   * @param {number} onHand
   */
  async #setStock(variantId, onHand) {
    const current = await this.#send('GET', `/admin/stock/${variantId}`);
    expectStatus(current, [200], 'Reading the stock');
    const changed = await this.#send(
      'PUT',
      `/admin/stock/${variantId}`,
      { onHand },
      {
        'if-match': current.headers.etag ?? '*',
      },
    );
    expectStatus(changed, [200, 204], 'Setting the stock');
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {unknown} [body]
   * @param {Record<string, string>} [headers]
   */
  #send(method, path, body, headers) {
    return this.#client.send({ method, path, token: this.#token, body, headers });
  }
}

/**
 * @param {import('./shop-client.mjs').ShopAnswer} answer
 * @param {number[]} expected
 * @param {string} step
 */
function expectStatus(answer, expected, step) {
  if (expected.includes(answer.status)) return;
  const got = answer.status === 0 ? 'got no answer' : `was answered ${String(answer.status)}`;
  const detail = answer.body.detail ? `: ${answer.body.detail}` : '';
  throw new LocalInstallationError(`${step} ${got} ${answer.code}${detail}`);
}
