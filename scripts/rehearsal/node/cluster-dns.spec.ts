import { answerTo } from './cluster-dns.mjs';

const SERVICES = new Map([['redis.caudal', '10.96.1.2']]);

function question(name: string, type = 1): Buffer {
  const labels = name
    .split('.')
    .map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  const header = Buffer.from([0xab, 0xcd, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0]);
  return Buffer.concat([header, ...labels, Buffer.from([0, 0, type, 0, 1])]);
}

describe('the names of Services', () => {
  it('are answered with their address, whatever their case', () => {
    for (const name of ['redis.caudal.svc.cluster.local', 'Redis.caudal.svc.cluster.local']) {
      const answer = answerTo(question(name), SERVICES);
      expect(answer?.readUInt16BE(0)).toBe(0xabcd);
      expect(answer?.readUInt16BE(6)).toBe(1);
      expect([...(answer?.subarray(-4) ?? [])]).toEqual([10, 96, 1, 2]);
    }
  });

  it('have no other records than that, and no others exist', () => {
    const ipv6 = answerTo(question('redis.caudal.svc.cluster.local', 28), SERVICES);
    expect([ipv6?.readUInt16BE(6), (ipv6?.readUInt16BE(2) ?? 0) & 15]).toEqual([0, 0]);
    const unknown = answerTo(question('example.com'), SERVICES);
    expect([unknown?.readUInt16BE(6), (unknown?.readUInt16BE(2) ?? 0) & 15]).toEqual([0, 3]);
  });

  it('are not asked for by what is no question', () => {
    expect(answerTo(Buffer.alloc(5), SERVICES)).toBeNull();
    expect(answerTo(question('redis').subarray(0, 16), SERVICES)).toBeNull();
  });
});
