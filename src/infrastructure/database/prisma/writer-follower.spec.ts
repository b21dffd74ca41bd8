import { WriterFollower } from './writer-follower.js';

type Writer = ReturnType<ConstructorParameters<typeof WriterFollower>[0]['open']>;

const primary = (timeline: number) => ({ isStandby: false, timeline, position: 1n });
const standby = (timeline: number) => ({ isStandby: true, timeline, position: 1n });
const reset = Object.assign(new Error('reset'), { code: 'ECONNRESET' });

function create() {
  const [a, b] = [
    { name: 'a', url: 'postgres://a' },
    { name: 'b', url: 'postgres://b' },
  ];
  const events: string[] = [];
  let nowMs = 0;
  const follower = new WriterFollower({
    nodes: [a, b],
    open: (node) => {
      const pool = { abandon: () => events.push(`abandon ${node.name}`), end: () => Promise.resolve() };
      const client = { $disconnect: () => Promise.resolve() };
      return { node, pool, reserved: pool, client } as unknown as Writer;
    },
    events: {
      onChanged: (from, to) => events.push(`${from.name} to ${to.name}`),
      onLost: (node, _, isDemoted) => events.push(`${node.name} ${isDemoted ? 'demoted' : 'lost'}`),
      onRegained: (node) => events.push(`${node.name} regained`),
    },
    wake: () => undefined,
    intervalMs: 1000,
    nowMs: () => nowMs,
  });
  return { follower, a, b, events, pass: (ms: number) => (nowMs += ms) };
}

describe('the writer that is followed', () => {
  it('is the primary with the highest timeline, wherever it stands in the list', () => {
    const { follower, a, b } = create();
    follower.heard(a, primary(1));
    follower.heard(b, primary(2));
    follower.settle();
    expect(follower.current.node).toBe(b);
    follower.heard(a, primary(1));
    expect(follower.current.node).toBe(b);
    expect(() => {
      follower.admit(primary(1));
    }).toThrow('timeline 1');
    expect(() => {
      follower.admit(standby(2));
    }).toThrow('recovery');
  });

  it('is lost by a failure together with a look that fails, not by one of them', () => {
    const { follower, a, b } = create();
    follower.heard(a, primary(1));
    follower.heard(b, standby(1));
    follower.settle();
    follower.suspect(reset);
    follower.heard(a, primary(1));
    follower.failed(a, reset);
    expect(follower.gate()).toBeNull();
    follower.suspect(reset);
    follower.failed(a, reset);
    expect(follower.gate()?.name).toBe('WriterLostError');
  });

  it('is followed to the node that was promoted, and not back to one of an older timeline', () => {
    const { follower, a, b, events } = create();
    follower.heard(a, primary(1));
    follower.heard(b, standby(1));
    follower.settle();
    follower.suspect(reset);
    follower.failed(a, reset);
    follower.heard(b, primary(2));
    follower.heard(a, primary(1));
    expect(follower.current.node).toBe(b);
    expect(events).toEqual(['abandon a', 'a lost', 'abandon a', 'a to b']);
  });

  it('is demoted when somebody knows of a higher timeline, until it has it', () => {
    const { follower, a, b, events } = create();
    follower.heard(a, primary(1));
    follower.heard(b, standby(1));
    follower.settle();
    follower.noteTimeline(2);
    follower.heard(a, primary(1));
    expect(follower.isLost).toBe(true);
    follower.heard(a, primary(2));
    expect(events).toEqual(['abandon a', 'a demoted', 'a regained']);
  });

  it('is looked for often at first, and less often later', () => {
    const { follower, a, b, pass } = create();
    follower.heard(a, primary(1));
    follower.heard(b, standby(1));
    follower.settle();
    expect(follower.pauseMs).toBe(1000);
    follower.heard(a, standby(1));
    expect(follower.pauseMs).toBe(50);
    pass(4000);
    expect(follower.pauseMs).toBe(400);
    pass(60_000);
    expect(follower.pauseMs).toBe(1000);
  });
});
