import { ReplicationLag } from './replication-lag.js';

describe('the lag of a replica', () => {
  it('is nothing on an idle writer, however long ago it wrote', () => {
    const lag = new ReplicationLag();
    lag.record(0, 100n);
    lag.record(60_000, 100n);
    expect(lag.of(100n, 60_000)).toEqual({ bytes: 0, ms: 0 });
  });

  it('begins when the writer was first seen where the replica is not', () => {
    const lag = new ReplicationLag();
    lag.record(0, 100n);
    lag.record(1000, 150n);
    lag.record(2000, 180n);
    expect(lag.of(120n, 2500)).toEqual({ bytes: 60, ms: 1500 });
    expect(lag.of(150n, 2500)).toEqual({ bytes: 30, ms: 500 });
  });

  it('says the age of the oldest look where it does not know further back', () => {
    const lag = new ReplicationLag();
    for (let index = 0; index < 1000; index += 1) lag.record(index * 1000, BigInt(index + 1));
    expect(lag.of(0n, 1_000_000).ms).toBe(120_000);
  });

  it('is not known of another writer', () => {
    const lag = new ReplicationLag();
    lag.record(0, 100n);
    lag.clear();
    expect(lag.of(0n, 5000)).toEqual({ bytes: 0, ms: 0 });
  });
});
