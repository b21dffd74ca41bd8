import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type AppUnderTest, startApp } from '../../support/app-harness.js';
import { type CorpusRequest, sendCorpusRequest } from '../../support/gateway/corpus-request.js';
import { GatewayUnderTest } from '../../support/gateway/gateway-under-test.js';
import { StubUpstream } from '../../support/gateway/stub-upstream.js';
import { startTestServices, type TestServices } from '../../support/services/index.js';
import { waitFor } from '../../support/wait-for.js';

interface Attack extends CorpusRequest {
  /** Why it may pass, and what the application answers then. */
  readonly passes?: string;
  readonly answers?: number;
}

const read = (name: string): unknown => JSON.parse(readFileSync(join(import.meta.dirname, name), 'utf8'));
const ATTACKS = read('attacks.json') as Record<string, readonly Attack[]>;
const INNOCENT = read('innocent.json') as Record<string, readonly CorpusRequest[]>;
const ATTACKS_MIN = 150;
/** Above what the gateway allows one address. */
const UNLIMITED = [
  ['conf.d/limits.conf', 'rate=100r/s', 'rate=100000r/s'],
  ['conf.d/limits.conf', 'rate=5r/s', 'rate=100000r/s'],
] as const;

describe('the firewall of the gateway', () => {
  let upstream: StubUpstream;
  let gateway: GatewayUnderTest;
  const scores: string[] = [];

  beforeAll(async () => {
    upstream = await StubUpstream.start();
    gateway = await GatewayUnderTest.start({
      upstreams: [upstream.address],
      firewall: 'blocking',
      changes: UNLIMITED,
    });
  });

  afterEach(() => {
    upstream.reset();
  });

  afterAll(async () => {
    process.stdout.write(`${scores.join('\n')}\n`);
    await gateway.stop();
    await upstream.stop();
  });

  it.each(Object.entries(ATTACKS))('stops what attacks: %s', async (category, attacks) => {
    const stopped = { firewall: 0, gateway: 0, application: 0 };
    for (const attack of attacks) {
      const { status, code } = await sendCorpusRequest(gateway.client, attack);
      const reached = upstream.seen.length > 0;
      upstream.reset();
      if (attack.passes !== undefined) expect([attack, reached, status]).toEqual([attack, true, 200]);
      else {
        expect([attack, reached]).toEqual([attack, false]);
        expect([attack, status >= 400 && status < 500]).toEqual([attack, true]);
      }
      stopped[reached ? 'application' : code === 'REQUEST_BLOCKED' ? 'firewall' : 'gateway'] += 1;
    }
    scores.push(
      `${category}: ${String(stopped.firewall + stopped.gateway)} of ${String(attacks.length)} stopped, ` +
        `${String(stopped.firewall)} by the firewall, ${String(stopped.gateway)} by nginx; ` +
        `${String(stopped.application)} harmless`,
    );
  });

  it('has enough to be stopped, and says of the rest why it may pass', () => {
    const all = Object.values(ATTACKS).flat();
    const passing = all.filter(({ passes }) => passes !== undefined);
    const count = `attacks: ${String(all.length - passing.length)} of ${String(all.length)} stopped`;
    scores.push(`${count}, ${String(passing.length)} harmless`);
    expect(all.length - passing.length).toBeGreaterThanOrEqual(ATTACKS_MIN);
    expect(new Set(all.map((each) => JSON.stringify([each.in, each.payload]))).size).toBe(all.length);
    for (const { passes = '', answers } of passing)
      expect([passes.length > 20, answers]).not.toContain(false);
  });

  it.each(Object.entries(INNOCENT))('lets through what only looks bad: %s', async (category, requests) => {
    const stopped = [];
    for (const request of requests) {
      const { status, requestId } = await sendCorpusRequest(gateway.client, request);
      if (status !== 200) stopped.push([request.payload.slice(0, 80), status, requestId]);
    }
    scores.push(
      `${category}: ${String(requests.length - stopped.length)} of ${String(requests.length)} let through`,
    );
    expect(stopped).toEqual([]);
    expect(upstream.seen).toHaveLength(requests.length);
  });

  it('names rules and places of what it stops, and of nothing else', async () => {
    const { requestId = '' } = await sendCorpusRequest(gateway.client, {
      in: 'query',
      payload: "' OR 1=1--",
    });
    const lineOf = () => gateway.firewallLog.find((line) => line.requestId === requestId);
    await waitFor('the line of the request', () => Promise.resolve(lineOf() !== undefined));
    expect(lineOf()).toMatchObject({
      mode: 'blocking',
      method: 'GET',
      path: '/api/v1/products',
      findings: [{ rule: 942_100, in: 'ARGS:q' }],
    });
    expect((await gateway.lineOf(requestId)).status).toBe(403);
    const refused = gateway.accessLog.filter(({ status }) => status === 403).map((line) => line.requestId);
    expect(gateway.firewallLog.map((line) => line.requestId).sort()).toEqual([...refused].sort());
  });
});

describe('what passes the firewall and is an attack all the same', () => {
  let services: TestServices;
  let application: AppUnderTest;
  let gateway: GatewayUnderTest;

  beforeAll(async () => {
    services = await startTestServices();
    application = await startApp({ services });
    gateway = await GatewayUnderTest.start({
      upstreams: [new URL(application.url).host],
      firewall: 'blocking',
      changes: UNLIMITED,
    });
  });

  afterAll(async () => {
    await gateway.stop();
    await application.close();
    await services.close();
  });

  it('gets from the application what it is said to get', async () => {
    const passing = Object.values(ATTACKS)
      .flat()
      .filter(({ passes }) => passes !== undefined);
    for (const attack of passing) {
      const { status, code } = await sendCorpusRequest(gateway.client, attack);
      expect([attack, status, code === 'REQUEST_BLOCKED']).toEqual([attack, attack.answers, false]);
    }
  });
});
