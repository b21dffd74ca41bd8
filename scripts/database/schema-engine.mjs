// @ts-check
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';
import * as bindings from '@prisma/schema-engine-wasm/schema_engine_bg';
import { EngineAdapterFactory } from './engine-adapter.mjs';

/**
 * Prisma's schema engine as WebAssembly, because the native one is a download that an offline or
 * locked-down machine cannot make. It is the same engine, so migration folders and the migrations
 * table stay those of `prisma migrate`.
 *
 * @typedef {import('@prisma/schema-engine-wasm/schema_engine_bg').SchemaEngine} SchemaEngine
 */

/**
 * The part of WebAssembly that is needed; TypeScript knows it only in browsers.
 *
 * @typedef {{
 *   compile: (bytes: Uint8Array) => Promise<object>,
 *   instantiate: (module: object, imports: object) => Promise<{ exports: { __wbindgen_start: () => void } }>,
 * }} WebAssemblySubset
 */
const wasm = /** @type {{ WebAssembly: WebAssemblySubset }} */ (/** @type {unknown} */ (globalThis))
  .WebAssembly;

let isInstantiated = false;

/**
 * Lends a schema engine to `use` and closes its connections afterwards: the engine never does, and would
 * keep its advisory lock with them.
 *
 * @template T
 * @param {string} url
 * @param {{ files: { path: string, content: string }[] }} schema
 * @param {(engine: SchemaEngine) => Promise<T>} use
 * @returns {Promise<T>}
 */
export async function withSchemaEngine(url, schema, use) {
  await instantiate();
  /** @type {[string, string][]} */
  const datamodels = schema.files.map(({ path, content }) => [path, content]);
  const adapters = new EngineAdapterFactory(url);
  const factory = bindMigrationAwareSqlAdapterFactory(
    /** @type {import('@prisma/driver-adapter-utils').SqlMigrationAwareDriverAdapterFactory} */ (
      /** @type {unknown} */ (adapters)
    ),
  );
  try {
    const engine = await bindings.SchemaEngine.new({ datamodels }, () => {}, factory);
    return await use(engine);
  } finally {
    await adapters.disposeAll();
  }
}

async function instantiate() {
  if (isInstantiated) return;
  const require = createRequire(import.meta.url);
  const directory = dirname(require.resolve('@prisma/schema-engine-wasm/schema_engine_bg'));
  const module = await wasm.compile(readFileSync(join(directory, 'schema_engine_bg.wasm')));
  const { exports } = await wasm.instantiate(module, { './schema_engine_bg.js': importsOfEngine() });
  /** @type {{ __wbg_set_wasm: (exports: object) => void }} */ (
    /** @type {unknown} */ (bindings)
  ).__wbg_set_wasm(exports);
  exports.__wbindgen_start();
  isInstantiated = true;
}

/**
 * The engine guards its lock with a timer of 10 s that it never clears, which would keep every process
 * alive for that long. Its connections keep the process alive while there is work to do.
 */
function importsOfEngine() {
  const imports = { .../** @type {Record<string, unknown>} */ (bindings) };
  for (const name of Object.keys(imports)) {
    if (!name.startsWith('__wbg_setTimeout_')) continue;
    imports[name] = (/** @type {() => void} */ callback, /** @type {number} */ delayMs) =>
      setTimeout(callback, delayMs >>> 0).unref();
  }
  return imports;
}
