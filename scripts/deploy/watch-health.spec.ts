import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { runScript } from '../../test/support/shell-script.js';

describe('watch-health.sh', () => {
  let server: Server;
  let url = '';
  let paths: string[] = [];
  let statusOf: (path: string) => number;
  let alerts: { metric: { alertname: string } }[] = [];

  beforeAll(async () => {
    server = createServer((request, response) => {
      const path = request.url ?? '';
      paths.push(path);
      response.writeHead(statusOf(path));
      response.end(JSON.stringify({ status: 'success', data: { result: alerts } }));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  });
  beforeEach(() => {
    paths = [];
    alerts = [];
    statusOf = () => 200;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  const watch = (...args: string[]) => runScript('watch-health.sh', [url, '--interval', '0', ...args]);

  it('is content with a shop that answers', async () => {
    const { code, out } = await watch('--seconds', '0', '--prometheus', `${url}/prometheus`);
    expect([code, out]).toEqual([0, '✓ well for 0 s: 1 looks, 0 failed\n']);
    expect(paths.map((path) => decodeURIComponent(path))).toEqual([
      '/health',
      '/api/v1/products?limit=1',
      '/prometheus/api/v1/query?query=ALERTS{alertstate="firing",severity="critical"}',
    ]);
  });

  it('fails after so many failures in a row, and says of what', async () => {
    statusOf = (path) => (path.startsWith('/api') ? 503 : 200);
    const { code, errors } = await watch('--seconds', '600');
    expect(code).toBe(1);
    expect(errors).toMatch(/^watch-health: 3 failures in a row, the last of the catalogue: .*503\n$/);
    expect(paths.filter((path) => path.startsWith('/api')).length).toBe(3);
  });

  it('forgives failures between which the shop is well', async () => {
    let looks = 0;
    // Two of three looks fail, never three in a row; then it is ended by an alert.
    statusOf = (path) => {
      if (path !== '/health') return 200;
      looks += 1;
      if (looks === 10) alerts = [{ metric: { alertname: 'BurnsFast' } }];
      return looks % 3 === 0 ? 200 : 503;
    };
    const { code, errors } = await watch('--seconds', '600', '--prometheus', url);
    expect([code, errors]).toEqual([1, 'watch-health: the alert BurnsFast fires\n']);
    expect(looks).toBe(10);
  });

  it('goes on when Prometheus is away, and asks nothing in a dry run', async () => {
    expect((await watch('--seconds', '0', '--prometheus', 'http://127.0.0.1:1')).code).toBe(0);
    paths = [];
    expect(await watch('--dry-run')).toMatchObject({
      code: 0,
      out: expect.stringContaining('/health') as string,
    });
    expect(paths).toEqual([]);
  });
});
