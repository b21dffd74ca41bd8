/** Stops what the global setup started; without it the guard does the same when jest ends. */
export default async function stopSharedServices(): Promise<void> {
  const stop = Reflect.get(globalThis, '__CAUDAL_STOP_SHARED_SERVICES__') as
    (() => Promise<void>) | undefined;
  await stop?.();
}
