// @ts-check
/**
 * @typedef {{ isReady: boolean, isEnding: boolean, image: string }} Pod
 * @typedef {{ second: number, pods: number, ready: number, ending: number }} Sample
 */

const API = 'labelSelector=app.kubernetes.io/name%3Dcaudal,app.kubernetes.io/component%3Dapi';

/** The pods of the API, the quota and its refusals, by watches: what holds between two looks is seen as well. */
export class Fleet {
  /** @type {Map<string, Pod>} */
  #pods = new Map();
  /** @type {Sample[]} */
  samples = [];
  /** The most pods that the quota has counted, and the first time that it refused one. @type {number} */
  quotaPodsMax = 0;
  quotaPods = 0;
  /** @type {string | null} */
  firstRefusal = null;
  refusals = 0;
  readyMin = Infinity;
  readyMax = 0;
  #startedMs = performance.now();

  /** @param {import('./api-client.mjs').ApiClient} api */
  static async watch(api) {
    const fleet = new Fleet();
    const namespace = '/api/v1/namespaces/caudal';
    await api.watch(`${namespace}/pods?${API}`, (change) => {
      fleet.#onPod(change);
    });
    await api.watch(`${namespace}/resourcequotas`, ({ object }) => {
      const { pods } = /** @type {{ pods?: string }} */ (object.status?.['used'] ?? {});
      fleet.quotaPods = Number(pods ?? 0);
      fleet.quotaPodsMax = Math.max(fleet.quotaPodsMax, fleet.quotaPods);
    });
    // Those of before are of the trial of the quota.
    let isReading = false;
    await api.watch(`${namespace}/events`, ({ object, type }) => {
      if (!isReading || type === 'DELETED' || !(object.message ?? '').includes('exceeded quota')) return;
      fleet.refusals += 1;
      fleet.firstRefusal ??= object.message ?? null;
    });
    isReading = true;
    return fleet;
  }

  /** @param {import('./api-client.mjs').Change} change */
  #onPod({ type, object: { metadata, spec, status } }) {
    const name = metadata?.name ?? '';
    if (type === 'DELETED') this.#pods.delete(name);
    else
      this.#pods.set(name, {
        isReady: status?.conditions?.some((each) => each.type === 'Ready' && each.status === 'True') ?? false,
        isEnding: metadata?.deletionTimestamp !== undefined,
        image: spec?.containers?.[0]?.image ?? '',
      });
    const sample = { ...this.count(), second: (performance.now() - this.#startedMs) / 1000 };
    this.readyMin = Math.min(this.readyMin, sample.ready);
    this.readyMax = Math.max(this.readyMax, sample.ready);
    this.samples.push(sample);
    // One an event: some thousands in all, and bounded whatever goes wrong.
    if (this.samples.length > 100_000) this.samples.splice(0, 50_000);
  }

  count() {
    const pods = [...this.#pods.values()];
    return {
      pods: pods.filter(({ isEnding }) => !isEnding).length,
      ready: pods.filter(({ isReady, isEnding }) => isReady && !isEnding).length,
      ending: pods.filter(({ isEnding }) => isEnding).length,
    };
  }

  /** @param {string} image */
  countOf(image) {
    return [...this.#pods.values()].filter((pod) => pod.image === image && pod.isReady && !pod.isEnding)
      .length;
  }

  readyPods() {
    return [...this.#pods].filter(([, { isReady, isEnding }]) => isReady && !isEnding).map(([name]) => name);
  }

  /** Begins to look for least and most anew; times are from here. */
  mark() {
    const { ready } = this.count();
    [this.readyMin, this.readyMax] = [ready, ready];
    this.quotaPodsMax = this.quotaPods;
    [this.samples, this.firstRefusal, this.refusals] = [[], null, 0];
    this.#startedMs = performance.now();
  }

  /** Since `mark`. */
  seconds() {
    return (performance.now() - this.#startedMs) / 1000;
  }

  /**
   * The pods over time since `mark`: what was there at the end of each step, where anything changed.
   *
   * @param {number} stepSeconds
   */
  timeline(stepSeconds) {
    /** @type {Map<number, Sample>} */
    const steps = new Map();
    for (const sample of this.samples)
      steps.set(Math.ceil(sample.second / stepSeconds) * stepSeconds, sample);
    return [...steps].map(
      ([second, { pods, ready, ending }]) =>
        `${String(second)} s: ${String(pods)}${ready === pods ? '' : ` (${String(ready)} ready)`}${ending === 0 ? '' : ` + ${String(ending)} ending`}`,
    );
  }
}
