import { findFaults, SaleTally, SLICE_MS } from './sale-tally.mjs';

function finishedSale({ stock, sold, turnedAway }: { stock: number; sold: number; turnedAway: number }) {
  const tally = new SaleTally(stock);
  const moment = { atMs: 10, latencyMs: 5 };
  for (let i = 0; i < sold + turnedAway; i += 1) tally.recordArrival(10);
  for (let i = 0; i < sold; i += 1) {
    tally.recordAnswer('sold', moment);
    tally.recordPayment();
  }
  for (let i = 0; i < turnedAway; i += 1) tally.recordAnswer('turnedAway', moment);
  return tally;
}

describe('findFaults', () => {
  it('finds none when what was sold and what is left make up the stock', () => {
    expect(findFaults(finishedSale({ stock: 3, sold: 2, turnedAway: 0 }), 1)).toEqual([]);
    expect(findFaults(finishedSale({ stock: 3, sold: 3, turnedAway: 9 }), 0)).toEqual([]);
  });

  it('reports a unit that vanished', () => {
    expect(findFaults(finishedSale({ stock: 3, sold: 2, turnedAway: 1 }), 0)).toEqual([
      'sold 2 + left 0 is not the stock of 3',
    ]);
  });

  it('reports an oversold unit even when the shop admits it with a negative stock', () => {
    expect(findFaults(finishedSale({ stock: 3, sold: 4, turnedAway: 0 }), -1)).toEqual([
      '1 units sold that never existed',
    ]);
  });

  it('reports buyers who were limited, failed or could not pay', () => {
    const tally = finishedSale({ stock: 3, sold: 2, turnedAway: 0 });
    tally.recordAnswer('sold', { atMs: 1, latencyMs: 1 });
    tally.recordAnswer('limited', { atMs: 1, latencyMs: 1 });
    tally.recordAnswer('failed', { atMs: 1, latencyMs: 1 });

    expect(findFaults(tally, 0)).toEqual([
      '1 buyers got neither an order nor a refusal',
      '1 buyers were stopped by a rate limit',
      '1 orders could not be paid',
    ]);
  });
});

describe('SaleTally', () => {
  it('counts an arrival in the slice it came in and its answer in the slice it was given', () => {
    const tally = new SaleTally(1);
    tally.recordArrival(0);
    tally.recordAnswer('sold', { atMs: 2 * SLICE_MS + 1, latencyMs: 2 * SLICE_MS + 1 });

    expect(tally.slices.map(({ arrived, sold }) => ({ arrived, sold }))).toEqual([
      { arrived: 1, sold: 0 },
      { arrived: 0, sold: 0 },
      { arrived: 0, sold: 1 },
    ]);
  });
});
