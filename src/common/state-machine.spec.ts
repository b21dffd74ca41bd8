import { StateMachine } from './state-machine.js';

describe('a state machine', () => {
  const machine = new StateMachine<'open' | 'shut' | 'gone'>({
    open: ['shut', 'gone'],
    shut: ['open', 'gone'],
    gone: [],
  });

  it('allows what its table lists and nothing else', () => {
    expect(machine.can('open', 'shut')).toBe(true);
    expect(machine.can('open', 'open')).toBe(false);
    expect(machine.can('gone', 'open')).toBe(false);
  });

  it('knows from where a state can be reached, for the guard of an UPDATE', () => {
    expect(machine.sourcesOf('gone')).toEqual(['open', 'shut']);
    expect(machine.sourcesOf('open')).toEqual(['shut']);
  });

  it('knows its final states', () => {
    expect([machine.isFinal('gone'), machine.isFinal('open')]).toEqual([true, false]);
  });
});
