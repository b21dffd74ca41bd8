import { EventEmitter } from 'node:events';
import { ManualClock } from '../common/manual-clock.js';
import { listenToStopSignals } from './stop-signals.js';

describe('the signals that stop a process', () => {
  function listen() {
    const [source, clock, actions] = [new EventEmitter(), new ManualClock(1000), [] as string[]];
    listenToStopSignals(source, clock, {
      stop: (signal) => actions.push(`stop ${signal}`),
      force: (signal) => actions.push(`force ${signal}`),
    });
    const send = (signal: string) => source.emit(signal, signal);
    return { clock, actions, send };
  }

  it('stop it once, however the first of them echoes', () => {
    const { clock, actions, send } = listen();
    send('SIGINT');
    send('SIGTERM');
    clock.ms += 700;
    send('SIGINT');
    expect(actions).toEqual(['stop SIGINT']);
  });

  it.each(['SIGTERM', 'SIGINT'])('end it at once with a later %s', (signal) => {
    const { clock, actions, send } = listen();
    send('SIGTERM');
    clock.ms += 701;
    send(signal);
    expect(actions).toEqual(['stop SIGTERM', `force ${signal}`]);
  });
});
