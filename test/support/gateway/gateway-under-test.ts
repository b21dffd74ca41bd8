import { randomBytes } from 'node:crypto';
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findFreePort } from '../../../scripts/services/ports.mjs';
import { type ServiceProcess, startServiceProcess } from '../../../scripts/services/service-process.mjs';
import { getSharedServices } from '../services/shared-services.js';
import { createTlsFiles } from '../services/tls-files.js';
import { waitFor } from '../wait-for.js';
import { GatewayClient } from './gateway-client.js';

const SHIPPED = join(import.meta.dirname, '../../../deployment/docker/nginx');
const MODULES = '/usr/share/nginx/modules-available';
/** With the firewall eight hundred rules are read first, and a stalled disk may hold that up. */
const START_DEADLINE_MS = 60_000;
/** In the order in which they are made. */
const WITHOUT_TLS: readonly Change[] = [
  ['conf.d/https.conf', 'listen 443 ssl http2', 'listen 443 '],
  ['snippets/proxy.conf', 'X-Forwarded-Proto https', 'X-Forwarded-Proto $scheme'],
];

export interface GatewayOptions {
  /** `host:port` of each process; parameters of its own behind it in place of the shipped ones. */
  readonly upstreams: readonly string[];
  /** Proxies in front of the gateway; 0 as shipped. */
  readonly outerHops?: number;
  /** Files below /assets/, by name. */
  readonly assets?: Readonly<Record<string, string | Buffer>>;
  /** With ModSecurity and the core rules, as the overlay has them. */
  readonly firewall?: 'blocking' | 'detection';
  /** Plain HTTP where the world has TLS, for clients that speak nothing else. */
  readonly isPlain?: boolean;
  readonly httpsPort?: number;
  /** What is shorter or narrower in a test: shipped text, and what stands in its place. */
  readonly changes?: readonly Change[];
}

export interface AccessLogLine {
  readonly requestId: string;
  readonly traceId: string;
  readonly parentId: string;
  readonly sampled: string;
  readonly clientAddress: string;
  readonly method: string;
  readonly path: string;
  readonly protocol: string;
  readonly tls: string;
  readonly status: number;
  readonly upstream: string;
  readonly upstreamStatus: string;
  readonly durationSeconds: number;
}

/** What audit.lua writes of a request that is judged an attack. */
export interface FirewallLine {
  readonly mode: string;
  readonly requestId: string;
  readonly method: string;
  readonly path: string;
  readonly score: number;
  readonly findings: readonly { readonly rule: number; readonly in: string }[];
}

type Change = readonly [file: string, shipped: string, changed: string];

/** A real nginx with the files as they are shipped, but for addresses, ports and paths. */
export class GatewayUnderTest {
  private constructor(
    readonly httpsPort: number,
    readonly httpPort: number,
    readonly statusPort: number,
    readonly client: GatewayClient,
    private readonly directory: string,
    private readonly server: ServiceProcess,
    private readonly logFile: string,
  ) {}

  static async start(options: GatewayOptions): Promise<GatewayUnderTest> {
    const { directory: shared, runDir } = getSharedServices();
    const name = `gateway-${randomBytes(8).toString('hex')}`;
    const directory = join(shared, name);
    const [httpsPort, httpPort, statusPort] = [
      options.httpsPort ?? (await findFreePort()),
      await findFreePort(),
      await findFreePort(),
    ];
    const files = createTlsFiles(join(directory, 'tls'));
    writeFiles(directory, options, [
      ['conf.d/https.conf', '/run/secrets/tls.crt', files.certificateFile],
      ['conf.d/https.conf', '/run/secrets/tls.key', files.keyFile],
      ...(options.isPlain === true ? WITHOUT_TLS : []),
      ['conf.d/https.conf', 'listen 443 ', `listen 127.0.0.1:${String(httpsPort)} `],
      ['conf.d/https.conf', 'listen 127.0.0.1:8081', `listen 127.0.0.1:${String(statusPort)}`],
      ['conf.d/https.conf', 'root /srv/caudal', `root ${join(directory, 'srv')}`],
      ['conf.d/redirect.conf', 'listen 80 ', `listen 127.0.0.1:${String(httpPort)} `],
      ['nginx.conf', '/tmp/nginx-', join(directory, 'temp-')],
      ['nginx.conf', '/tmp/nginx.pid', join(directory, 'nginx.pid')],
      ['nginx.conf', '/usr/share/caudal-gateway', join(directory, 'image')],
      ['conf.d/https.conf', '/usr/share/caudal-gateway', join(directory, 'image')],
      ['modsecurity/http.conf', '/etc/nginx', join(directory, 'etc')],
      ['modsecurity/main.conf', '/etc/nginx', join(directory, 'etc')],
      ['modsecurity/main.conf', '/usr/share/caudal-gateway', join(directory, 'image')],
      ['modsecurity/audit.conf', '/etc/nginx', join(directory, 'etc')],
      ['outer-hops.conf', 'default 0;', `default ${String(options.outerHops ?? 0)};`],
    ]);
    const logFile = join(directory, 'output.log');
    const server = await startServiceProcess({
      name,
      command: process.env['CAUDAL_NGINX'] ?? 'nginx',
      args: ['-c', join(directory, 'etc/nginx.conf'), '-g', 'daemon off;'],
      logFile,
      runDir,
      order: 1,
    });
    const client = new GatewayClient(httpsPort, files.ca);
    const gateway = new GatewayUnderTest(httpsPort, httpPort, statusPort, client, directory, server, logFile);
    await waitFor(
      'nginx to listen',
      async () => {
        if (server.hasExited()) throw new Error(`nginx does not start:\n${server.lastLogLines()}`);
        const answer = await fetch(`http://127.0.0.1:${String(statusPort)}/health`).catch(() => null);
        return answer?.status === 200;
      },
      START_DEADLINE_MS,
    ).catch((error: unknown) => {
      throw new Error(`nginx does not answer:\n${server.lastLogLines()}`, { cause: error });
    });
    return gateway;
  }

  /** The access log: a request is in it once its answer was sent. */
  get accessLog(): AccessLogLine[] {
    return this.linesOf('request') as AccessLogLine[];
  }

  /** What the firewall has judged an attack. */
  get firewallLog(): FirewallLine[] {
    return this.linesOf('firewall') as FirewallLine[];
  }

  /** Everything that was written. */
  get output(): string {
    return readFileSync(this.logFile, 'utf8');
  }

  /** What nginx says of itself. */
  get errors(): string[] {
    return this.log.filter((line) => line !== '' && !line.startsWith('{'));
  }

  /** The line of the request with this id, once it is written. */
  async lineOf(requestId: string): Promise<AccessLogLine> {
    await waitFor('the line of the request', () =>
      Promise.resolve(this.accessLog.some((line) => line.requestId === requestId)),
    );
    return this.accessLog.find((line) => line.requestId === requestId)!;
  }

  /** Sends the requests elsewhere from now on, as a deployment does. */
  reload(upstreams: readonly string[]): void {
    writeFileSync(join(this.directory, 'etc/upstreams.conf'), serverLines(upstreams));
    this.server.kill('SIGHUP');
  }

  async stop(): Promise<void> {
    await this.server.stop();
  }

  private linesOf(message: string): unknown[] {
    return this.log
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as { msg: string })
      .filter(({ msg }) => msg === message);
  }

  private get log(): string[] {
    return this.output.split('\n');
  }
}

function writeFiles(
  directory: string,
  { upstreams, assets = {}, firewall, changes = [] }: GatewayOptions,
  places: readonly Change[],
): void {
  const etc = join(directory, 'etc');
  cpSync(SHIPPED, etc, { recursive: true });
  for (const [file, shipped, changed] of [...places, ...changes]) {
    const text = readFileSync(join(etc, file), 'utf8');
    if (!text.includes(shipped)) throw new Error(`${file} does not say ${shipped} any more`);
    writeFileSync(join(etc, file), text.replaceAll(shipped, changed));
  }
  writeFileSync(join(etc, 'upstreams.conf'), serverLines(upstreams));
  mkdirSync(join(directory, 'srv/assets'), { recursive: true });
  for (const [name, content] of Object.entries(assets))
    writeFileSync(join(directory, 'srv/assets', name), content);
  // As the image does it.
  const image = join(directory, 'image');
  for (const kind of ['modules', 'http', 'proxied']) mkdirSync(join(image, kind), { recursive: true });
  const modules = firewall === undefined ? /brotli/ : /brotli|modsecurity/;
  for (const name of readdirSync(MODULES).filter((each) => modules.test(each)))
    symlinkSync(join(MODULES, name), join(image, 'modules', name));
  symlinkSync(join(etc, 'optional/brotli.conf'), join(image, 'http/brotli.conf'));
  if (firewall !== undefined) {
    for (const [kind, file] of [
      ['http/modsecurity.conf', 'http.conf'],
      ['proxied/modsecurity.conf', 'proxied.conf'],
      ['modsecurity-mode.conf', `mode/${firewall}.conf`],
    ] as const)
      symlinkSync(join(etc, 'modsecurity', file), join(image, kind));
  }
  // The workers of a root's nginx are somebody else.
  for (const path of [directory, join(directory, 'srv'), join(directory, 'srv/assets')])
    chmodSync(path, 0o755);
}

/** With the parameters that upstreams.conf has for each process, unless others are given. */
function serverLines(upstreams: readonly string[]): string {
  const shipped = readFileSync(join(SHIPPED, 'upstreams.conf'), 'utf8');
  const parameters = new Set([...shipped.matchAll(/^server \S+ (.+);$/gm)].map(([, each]) => each));
  return upstreams
    .flatMap((each) => (each.includes(' ') ? [each] : [...parameters].map((own) => `${each} ${String(own)}`)))
    .map((server) => `server ${server};\n`)
    .join('');
}
