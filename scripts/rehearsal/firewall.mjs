// @ts-check
// An engine leaves its chains, a closed FORWARD policy and forwarding between interfaces behind when it ends.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { run } from './cache.mjs';

const FORWARDING = '/proc/sys/net/ipv4/ip_forward';

/**
 * @returns {Promise<() => Promise<void>>} puts things back as they were; where another engine has its chains,
 *   they are left alone
 */
export async function noteFirewall() {
  const before = await rules();
  if (before.some((line) => line.startsWith(':DOCKER'))) return () => Promise.resolve();
  const forwarding = readFileSync(FORWARDING, 'utf8').trim();
  const policy =
    /^:FORWARD (\w+)/.exec(before.find((line) => line.startsWith(':FORWARD')) ?? '')?.[1] ?? 'ACCEPT';
  return async () => {
    // One that was started meanwhile has its rules in the same chains.
    if (isAnyEngineRunning()) return;
    for (const table of ['filter', 'nat']) {
      const now = await rules(table);
      const command = (/** @type {string} */ line) => run('iptables', ['--table', table, ...line.split(' ')]);
      // First what leads into the chains, then the chains, empty.
      for (const line of now.filter((rule) => /^-A (?!DOCKER).* -j DOCKER/.test(rule)))
        await command(line.replace('-A', '-D').replaceAll('"', ''));
      const chains = now.flatMap((line) => /^:(DOCKER\S*)/.exec(line)?.[1] ?? []);
      for (const chain of chains) await command(`-F ${chain}`);
      for (const chain of chains) await command(`-X ${chain}`);
      if (table === 'filter') await command(`-P FORWARD ${policy}`);
    }
    writeFileSync(FORWARDING, `${forwarding}\n`);
  };
}

const isAnyEngineRunning = () =>
  readdirSync('/proc').some((name) => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/comm`, 'utf8').trim() === 'dockerd';
    } catch {
      return false;
    }
  });

/** @param {string} table */
async function rules(table = 'filter') {
  const output = await run('iptables-save', ['--table', table]).catch(() => '');
  return output.split('\n');
}
