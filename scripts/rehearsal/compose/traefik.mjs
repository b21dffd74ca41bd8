// @ts-check
import { mkdirSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { pause, run, until } from '../cache.mjs';
import { UP } from '../compose-project.mjs';
import { codeOf, startLoad } from '../shop-client.mjs';
import { ensureImages } from '../stand-ins.mjs';
import { tellImages } from './stage.mjs';

const CERTIFICATE_DEADLINE_MS = 90_000;
const LOAD_MS = 20_000;
const AUTHORITY_IMAGE = 'ghcr.io/letsencrypt/pebble:2.10.1';
const OVERRIDE = 'acme.yml';

/**
 * compose.traefik.yml in the place of nginx, with Let's Encrypt's server for tests as the authority: Traefik gets its
 * certificate, keeps it over a restart, redirects, routes by name, and nobody notices a process that is restarted.
 *
 * @param {import('./stage.mjs').Stage} stage
 */
export async function rehearseTraefik(stage) {
  const { rehearsal, engine, project, client, shop } = stage;
  const { goal, leftOut, say, signal } = rehearsal;
  const [authority] = await ensureImages(engine, [AUTHORITY_IMAGE]);
  if (authority === undefined || authority.source === 'none') {
    leftOut(`Traefik (${AUTHORITY_IMAGE}: ${authority?.what ?? ''})`);
    return;
  }
  await writeAuthority(project);
  await project.compose('rm', '--stop', '--force', 'nginx');
  client.forgetConnections();
  const images = await project.extend('traefik', {
    PUBLIC_HOST: project.host,
    ACME_EMAIL: 'admin@example.com',
    ACME_DIRECTORY: 'https://pebble:14000/dir',
  });
  tellImages(
    rehearsal,
    images.filter(({ services }) => services.includes('traefik')),
  );
  if (!project.services.includes('traefik')) return;
  await project.compose('--file', OVERRIDE, ...UP, 'pebble', 'traefik');
  say(`Traefik in the place of nginx, and ${authority.what} as the authority`);
  const doors = await project.doors();
  goal(doors.length === 1 && /traefik/.test(doors[0] ?? ''), 'only Traefik publishes ports');

  const certificate = await until(
    'a certificate of the authority',
    CERTIFICATE_DEADLINE_MS,
    async () => {
      signal.throwIfAborted();
      const found = await certificateOf(project);
      return found.issuer.startsWith('Pebble') && found;
    },
    1_000,
  ).catch(() => certificateOf(project));
  goal(
    certificate.issuer.startsWith('Pebble') && certificate.names === `DNS:${project.host}`,
    `its certificate: ${certificate.names}, of ${certificate.issuer}`,
  );

  const order = await client.placeOrder(shop);
  goal(order.status === 201, `an order through Traefik: ${String(order.status)} ${codeOf(order)}`.trim());
  const { 'strict-transport-security': hsts = 'none' } = order.headers;
  goal(hsts === 'max-age=31536000; includeSubDomains', `Strict-Transport-Security: ${hsts}`);
  const plain = await askPlainly(project.httpPort, project.host, '/api/v1/products?limit=1');
  goal(
    [301, 308].includes(plain.status) && plain.location === `https://${project.host}/api/v1/products?limit=1`,
    `plain HTTP: ${String(plain.status)} ${plain.location}`,
  );
  for (const [what, path, headers, expected] of /** @type {const} */ ([
    ['a host that is not its own', '/api/v1/products', { host: 'other.example.com' }, 404],
    ['/metrics', '/metrics', {}, 404],
  ])) {
    const { status } = await client.send('GET', path, { headers });
    goal(status === expected, `${what}: ${String(status)}`);
  }
  const large = await client.send('POST', '/api/v1/auth/login', { body: { email: 'a'.repeat(70_000) } });
  goal(large.status === 413, `a body of 70 KB: ${String(large.status)}`);
  goal(!(await isSpoken(project, 'TLSv1.1')), 'TLS 1.1 is refused');
  goal(await isSpoken(project, 'TLSv1.2'), 'TLS 1.2 is not');

  const load = startLoad(client, shop, signal);
  await pause(LOAD_MS / 4);
  await project.compose('restart', 'app-2');
  await pause(LOAD_MS / 4);
  const { line, failed } = await load.stop();
  say(`while app-2 was restarted: ${line}`);
  goal(failed === 0, 'no request failed');

  await project.compose('--file', OVERRIDE, 'restart', 'traefik');
  client.forgetConnections();
  const kept = await until('Traefik again', CERTIFICATE_DEADLINE_MS, () => certificateOf(project), 500);
  goal(kept.serial === certificate.serial, 'the certificate is the same after a restart');
}

/** A certificate for its own door, what it is told, and how the stack gets to it. @param {Project} project */
async function writeAuthority(project) {
  const folder = join(project.directory, 'pebble');
  mkdirSync(folder);
  await run('openssl', [
    ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=pebble'],
    ...['-addext', 'subjectAltName=DNS:pebble', '-keyout', join(folder, 'key.pem')],
    ...['-out', join(folder, 'certificate.pem')],
  ]);
  const pebble = {
    ...{ listenAddress: '0.0.0.0:14000', managementListenAddress: '0.0.0.0:15000' },
    ...{ certificate: '/pebble/certificate.pem', privateKey: '/pebble/key.pem' },
    ...{ httpPort: 80, tlsPort: 443, ocspResponderURL: '', externalAccountBindingRequired: false },
  };
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ pebble }));
  const mount = ['./pebble:/pebble:ro'];
  const services = {
    pebble: {
      image: AUTHORITY_IMAGE,
      command: ['-config', '/pebble/config.json'],
      environment: { PEBBLE_VA_NOSLEEP: '1' },
      ...{ volumes: mount, networks: ['internal'] },
    },
    traefik: {
      environment: { SSL_CERT_FILE: '/pebble/certificate.pem' },
      ...{ volumes: mount, networks: { internal: { aliases: [project.host] } } },
    },
  };
  writeFileSync(join(project.directory, OVERRIDE), JSON.stringify({ services }));
}

/** @typedef {import('../compose-project.mjs').ComposeProject} Project */

/** @param {Project} project @returns {Promise<{ issuer: string, names: string, serial: string }>} */
const certificateOf = ({ httpsPort, host }) =>
  new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port: httpsPort, servername: host, rejectUnauthorized: false };
    const socket = connect(options, () => {
      const { issuer, subjectaltname, serialNumber } = socket.getPeerCertificate();
      socket.destroy();
      resolve({ issuer: String(issuer.CN), names: subjectaltname ?? 'none', serial: serialNumber });
    }).once('error', reject);
  });

/** @param {Project} project @param {'TLSv1.1' | 'TLSv1.2'} version @returns {Promise<boolean>} */
const isSpoken = ({ httpsPort, host }, version) =>
  new Promise((resolve) => {
    const socket = connect(
      {
        ...{ host: '127.0.0.1', port: httpsPort, servername: host, rejectUnauthorized: false },
        // The client's own library would not begin with less.
        ...{ minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' },
      },
      () => {
        socket.destroy();
        resolve(true);
      },
    ).once('error', () => {
      resolve(false);
    });
  });

/** @param {number} port @param {string} host @param {string} path @returns {Promise<{ status: number, location: string }>} */
const askPlainly = (port, host, path) =>
  new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path, headers: { host } }, (response) => {
      response.resume();
      resolve({ status: response.statusCode ?? 0, location: response.headers.location ?? 'nowhere' });
    })
      .once('error', reject)
      .end();
  });
