// @ts-check
import { command } from './isolation.mjs';

/** The node, as its pods see it: what listens on all addresses is reached there. */
export const NODE_ADDRESS = '10.88.0.1';
export const POD_RANGE = '10.244.0.0/24';
export const SERVICE_RANGE = '10.96.0.0/16';

/** Called inside, before anything else asks for an address. */
export function prepareNetwork() {
  command('ip', ['address', 'add', `${NODE_ADDRESS}/32`, 'dev', 'lo']);
  // What no rule sends to a pod goes nowhere; what one does needs an address that pods can answer to.
  command('ip', ['route', 'add', SERVICE_RANGE, 'dev', 'lo', 'src', NODE_ADDRESS]);
}

/**
 * Each pod has a link of its own to the node and everything is routed, also between pods: then it is the kernel's
 * rules for forwarding that turn the address of a Service into that of a pod, on any kernel.
 *
 * @param {string} dataDir where addresses that are taken are noted
 */
export const podNetwork = (dataDir) => ({
  cniVersion: '0.4.0',
  name: 'caudal',
  plugins: [
    {
      ...{ type: 'ptp', ipMasq: false },
      ipam: {
        ...{ type: 'host-local', dataDir, ranges: [[{ subnet: POD_RANGE }]] },
        routes: [{ dst: '0.0.0.0/0' }],
      },
    },
  ],
});
