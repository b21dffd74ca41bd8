// @ts-check
// What every part of the compose rehearsal is given.

/**
 * @typedef {object} Stage
 * @property {import('../cache.mjs').Rehearsal} rehearsal
 * @property {import('../compose-project.mjs').ComposeProject} project the stack, which is up
 * @property {NodeJS.ProcessEnv} env of the engine
 * @property {import('../shop-client.mjs').ShopClient} client
 * @property {import('../shop-client.mjs').Shop} shop with a product in stock and a buyer
 */

export {};
