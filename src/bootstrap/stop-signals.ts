import type { Clock } from '../common/clock.js';

/**
 * One Ctrl-C may come twice: from the terminal, which signals the whole group, and from a parent that
 * passes it on. npm does so within milliseconds.
 */
const SAME_SIGNAL_MS = 700;

type StopSignal = 'SIGTERM' | 'SIGINT';

interface SignalSource {
  on(signal: StopSignal, listener: (signal: StopSignal) => void): unknown;
}

/** The first signal asks for an orderly stop, one that comes later than its echo for the end at once. */
export function listenToStopSignals(
  source: SignalSource,
  clock: Clock,
  actions: { readonly stop: (signal: StopSignal) => void; readonly force: (signal: StopSignal) => void },
): void {
  let firstMs: number | null = null;
  const listen = (signal: StopSignal): void => {
    if (firstMs === null) {
      firstMs = clock.monotonicMs();
      actions.stop(signal);
    } else if (clock.monotonicMs() - firstMs > SAME_SIGNAL_MS) actions.force(signal);
  };
  source.on('SIGTERM', listen);
  source.on('SIGINT', listen);
}
