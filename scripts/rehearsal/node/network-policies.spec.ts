import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseObjects } from '../../deploy/manifests.mjs';
import { allowedBy, type Peer, policiesFor } from './network-policies.mjs';

const SHIPPED = parseObjects(
  readFileSync(join(import.meta.dirname, '../../../deployment/k8s/network-policy.yaml'), 'utf8'),
  'network-policy.yaml',
);
const PORTS = { http: 3000, management: 9464 };

function pod(component: string, name = 'caudal'): Peer {
  return {
    name: component,
    namespace: 'caudal',
    namespaceLabels: {},
    labels: { 'app.kubernetes.io/name': name, 'app.kubernetes.io/component': component },
    ports: PORTS,
  };
}

function outside(access?: string): Peer {
  return {
    name: access ?? 'stranger',
    namespace: access ?? 'default',
    namespaceLabels: { ...(access !== undefined && { 'caudal.io/access': access }) },
    labels: {},
    ports: {},
  };
}

describe('what network policies allow', () => {
  it('lets a pod do everything that no policy selects', () => {
    expect(allowedBy([], { from: outside(), to: pod('api'), port: 1 })).toBe('no policy');
    expect(policiesFor(SHIPPED, outside(), 'Egress')).toEqual([]);
  });

  it('needs a rule at both ends: the one that may send and the one that may receive', () => {
    const connection = { from: pod('api'), to: pod('pgbouncer', 'pgbouncer'), port: 6432 };
    expect(allowedBy(SHIPPED, connection)).toBe('application-egress + pgbouncer-from-application');
    for (const name of ['application-egress', 'pgbouncer-from-application']) {
      const without = SHIPPED.filter(({ metadata }) => metadata?.name !== name);
      expect(allowedBy(without, connection)).toBeNull();
    }
  });

  it('knows a port by its name in the pod that it belongs to', () => {
    const to = pod('api');
    expect(allowedBy(SHIPPED, { from: outside('gateway'), to, port: 3000 })).toBe('api-from-gateway');
    expect(allowedBy(SHIPPED, { from: outside('gateway'), to, port: 9464 })).toBeNull();
    expect(
      allowedBy(SHIPPED, { from: outside('gateway'), to: { ...to, ports: { http: 8080 } }, port: 3000 }),
    ).toBeNull();
  });

  it('tells protocols apart', () => {
    const dns = { ...outside(), namespaceLabels: { 'kubernetes.io/metadata.name': 'kube-system' } };
    const connection = { from: pod('worker'), to: dns, port: 53 };
    expect(allowedBy(SHIPPED, { ...connection, protocol: 'UDP' })).toBe('allow-dns');
    expect(allowedBy(SHIPPED, { ...connection, protocol: 'SCTP' })).toBeNull();
  });

  it('denies what nothing allows', () => {
    expect(allowedBy(SHIPPED, { from: outside(), to: pod('api'), port: 3000 })).toBeNull();
    expect(allowedBy(SHIPPED, { from: pod('api'), to: outside('data'), port: 5432 })).toBeNull();
    expect(allowedBy(SHIPPED, { from: pod('api'), to: outside(), port: 443 })).toBeNull();
  });

  it('takes peers without a namespace for those of its own', () => {
    const stranger = { ...pod('api'), namespace: 'elsewhere' };
    expect(allowedBy(SHIPPED, { from: stranger, to: pod('pgbouncer', 'pgbouncer'), port: 6432 })).toBeNull();
  });
});
