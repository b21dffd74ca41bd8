import { sumOfCounter } from './server-metrics.mjs';

const EXPOSITION = `# HELP database_statements_total SQL statements
# TYPE database_statements_total counter
database_statements_total{pool="write"} 40
database_statements_total{pool="read",note="a b"} 2
database_statements_total_other 7
process_start_time_seconds 1.5e9
`;

describe('sumOfCounter', () => {
  it('adds up the label sets of one metric and of no other', () => {
    expect(sumOfCounter(EXPOSITION, 'database_statements_total')).toBe(42);
    expect(sumOfCounter(EXPOSITION, 'process_start_time_seconds')).toBe(1.5e9);
    expect(sumOfCounter(EXPOSITION, 'absent_total')).toBe(0);
  });
});
