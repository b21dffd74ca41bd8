import { appendFileSync } from 'node:fs';
import { type FirewallLine, GatewayUnderTest } from './gateway-under-test.js';

/** What came through one gateway; a line of the file that CAUDAL_E2E_GATEWAY names. */
interface GatewayReport {
  readonly requests: number;
  readonly blocked: readonly FirewallLine[];
  /** Refused as it came, without a look at what it says: not JSON, or none that can be read. */
  readonly unread: number;
  /** What nginx says of itself, without the requests that it names. */
  readonly errors: readonly string[];
}

const ERRORS_MAX = 20;

const WIDE: readonly (readonly [string, string, string])[] = [
  // Everything comes from one address here. Limits have tests of their own.
  ['conf.d/limits.conf', 'rate=100r/s', 'rate=1000000r/s'],
  ['conf.d/limits.conf', 'rate=5r/s', 'rate=1000000r/s'],
  ['conf.d/limits.conf', 'limit_conn connections 256', 'limit_conn connections 10000'],
  ['nginx.conf', 'worker_processes auto', 'worker_processes 1'],
  // One worker that judges a crowd, on cores that others have, sees late that it has been connected.
  ['snippets/proxy.conf', 'proxy_connect_timeout 2s', 'proxy_connect_timeout 15s'],
  ['snippets/proxy.conf', 'proxy_next_upstream_timeout 5s', 'proxy_next_upstream_timeout 15s'],
];

/**
 * `npm run test:gateway-e2e` puts a gateway with the firewall in front of each application that an end-to-end test
 * starts. What is asked is then asked through it: plain HTTP, as the clients of the tests speak it.
 */
export class GatewayInFront {
  private constructor(
    private readonly gateway: GatewayUnderTest,
    private readonly reportFile: string,
  ) {}

  /** Null unless that command runs. On the same port again for an application that is started again. */
  static async start(port: number, ownPort?: number): Promise<GatewayInFront | null> {
    const reportFile = process.env['CAUDAL_E2E_GATEWAY'];
    if (reportFile === undefined) return null;
    const gateway = await GatewayUnderTest.start({
      upstreams: [`127.0.0.1:${String(port)} max_fails=0`],
      firewall: 'blocking',
      isPlain: true,
      // Tests say in X-Forwarded-For who they are.
      outerHops: 1,
      changes: WIDE,
      ...(ownPort === undefined ? {} : { httpsPort: ownPort }),
    });
    return new GatewayInFront(gateway, reportFile);
  }

  get port(): number {
    return this.gateway.httpsPort;
  }

  get url(): string {
    return `http://127.0.0.1:${String(this.port)}`;
  }

  async stop(): Promise<void> {
    await this.gateway.stop();
    const { accessLog, firewallLog } = this.gateway;
    const unread = accessLog.filter(
      ({ status, upstream }) => upstream === '' && (status === 400 || status === 415),
    );
    const report: GatewayReport = {
      requests: accessLog.length,
      blocked: firewallLog,
      unread: unread.length,
      errors: this.gateway.errors
        .filter((line) => /\[(?:error|crit|alert|emerg)\]/.test(line) && !line.includes('ModSecurity'))
        .slice(0, ERRORS_MAX)
        .map((line) => line.replace(/^.*?\[/, '[').replace(/, client: .*$/, '')),
    };
    appendFileSync(this.reportFile, `${JSON.stringify(report)}\n`);
  }
}
