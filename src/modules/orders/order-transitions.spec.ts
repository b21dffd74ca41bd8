import { orderMachine, type OrderStatus } from './order-transitions.js';

const STATES: OrderStatus[] = ['pending_payment', 'paid', 'cancelled', 'expired', 'refunded'];

describe('the states of an order', () => {
  it('follow each other in these ways and no other', () => {
    const ways = STATES.flatMap((from) =>
      STATES.filter((to) => orderMachine.can(from, to)).map((to) => `${from} → ${to}`),
    );
    expect(ways).toEqual([
      'pending_payment → paid',
      'pending_payment → cancelled',
      'pending_payment → expired',
      'paid → cancelled',
      'cancelled → refunded',
    ]);
  });

  it('end in expired or refunded', () => {
    expect(STATES.filter((state) => orderMachine.isFinal(state))).toEqual(['expired', 'refunded']);
  });

  it('never lead back', () => {
    const reachable = (from: OrderStatus): OrderStatus[] =>
      STATES.filter((to) => orderMachine.can(from, to)).flatMap((to) => [to, ...reachable(to)]);
    for (const state of STATES) expect(reachable(state)).not.toContain(state);
  });

  it('let an order be paid or expire only while it waits for its payment', () => {
    expect(orderMachine.sourcesOf('paid')).toEqual(['pending_payment']);
    expect(orderMachine.sourcesOf('expired')).toEqual(['pending_payment']);
  });
});
