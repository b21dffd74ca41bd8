import { findMissedTargets, renderReport } from './bench-report.mjs';
import { compareServers } from './measured-round.mjs';

function round(perSecond: number, processorMicros: number | null) {
  return {
    perSecond,
    processorMicros,
    answers: perSecond,
    statuses: { 200: perSecond },
    latencyMs: { p50: 1, p95: 2, p99: 3 },
  };
}

function comparison(judgedBy: 'rates' | 'processor time', statementsPerAnswer = 0.1) {
  const measured = [round(4_000, 250)];
  const reference = [round(5_000, 100)];
  return {
    name: 'orders',
    referenceName: 'bare',
    measured,
    reference,
    ratios: compareServers(measured, reference),
    judgedBy,
    target: 0.5,
    statements: { perAnswer: statementsPerAnswer, max: 0.2 },
  };
}

describe('compareServers', () => {
  it('compares what a client sees and what the servers cost', () => {
    const { ratios } = comparison('rates');

    expect(ratios.ofRates.median).toBe(0.8);
    expect(ratios.ofProcessorTime?.median).toBeCloseTo(0.4);
  });

  it('does not guess processor time where the system does not tell', () => {
    expect(compareServers([round(1, null)], [round(1, null)]).ofProcessorTime).toBeNull();
  });
});

describe('renderReport', () => {
  it('shows both sides, both ratios with the judged one in bold, and the statements', () => {
    expect(
      renderReport([comparison('rates')])
        .split('\n')
        .at(-1),
    ).toBe(
      '| orders | 4,000 | 3.0 ms | 250 µs (100 %) | bare | 5,000 | 100 µs (50 %) | **0.80** (0.80–0.80) | 0.40 (0.40–0.40) | ≥ 0.5 | 0.10 | ≤ 0.2 |',
    );
  });
});

describe('findMissedTargets', () => {
  it('judges by the ratio the comparison is about', () => {
    expect(findMissedTargets([comparison('rates')])).toEqual([]);
    expect(findMissedTargets([comparison('processor time')])).toEqual(['orders: ratio 0.40, target 0.5']);
  });

  it('names too many statements', () => {
    expect(findMissedTargets([comparison('rates', 0.21)])).toEqual(['orders: 0.21 statements, target 0.2']);
  });

  it('asks nothing of a comparison without a target', () => {
    expect(findMissedTargets([{ ...comparison('processor time'), target: null }])).toEqual([]);
  });
});
