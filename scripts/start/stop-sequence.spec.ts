import { EventEmitter } from 'node:events';
import { listenToStopSignals } from './stop-sequence.mjs';

describe('the signals that stop a start', () => {
  function listen() {
    const [source, actions] = [new EventEmitter(), [] as string[]];
    let nowMs = 0;
    listenToStopSignals(
      { stop: () => actions.push('stop'), force: () => actions.push('force') },
      source,
      () => nowMs,
    );
    return { actions, send: (signal: string) => source.emit(signal), advance: (ms: number) => (nowMs += ms) };
  }

  it('stop once, when terminal and npm both send the same Ctrl-C', () => {
    const { actions, send, advance } = listen();
    send('SIGINT');
    send('SIGINT');
    advance(700);
    send('SIGTERM');
    expect(actions).toEqual(['stop']);
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'])('force with a later %s, and with each after it', (signal) => {
    const { actions, send, advance } = listen();
    send('SIGINT');
    advance(701);
    send(signal);
    send(signal);
    expect(actions).toEqual(['stop', 'force', 'force']);
  });
});
