import { isIPv4, isIPv6 } from 'node:net';

/** What a session remembers of the client that opened it, so that its owner recognises it in a list. */
export interface SessionDevice {
  /** Printable ASCII, at most 64 characters, empty when the client sent none. Never to be trusted. */
  readonly userAgent: string;
  /** The network of the address, `203.0.113.0/24` or `2001:db8:1::/48`: enough to recognise, too little to trace. */
  readonly network: string;
}

/** A browser's name and system fit; the versions of its engine, which follow, tell an owner nothing. */
const USER_AGENT_LENGTH_MAX = 64;
const HEXTETS = 8;
const NETWORK_HEXTETS = 3;

export function describeDevice(userAgent: string | undefined, address: string): SessionDevice {
  return { userAgent: cleanUserAgent(userAgent ?? ''), network: networkOf(address) };
}

/** Without whatever could act in a terminal, a log or a page: control characters and all beyond ASCII. */
function cleanUserAgent(text: string): string {
  return text
    .slice(0, 4 * USER_AGENT_LENGTH_MAX)
    .replaceAll(/[^\x20-\x7e]+/g, ' ')
    .replaceAll(/[<>"'`&]/g, '')
    .replaceAll(/ {2,}/g, ' ')
    .trim()
    .slice(0, USER_AGENT_LENGTH_MAX)
    .trimEnd();
}

function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  const plain = mapped ?? address;
  if (isIPv4(plain)) return `${plain.split('.').slice(0, 3).join('.')}.0/24`;
  // The zone of a link-local address names an interface of the server.
  const [bare = ''] = plain.split('%', 1);
  return isIPv6(bare) ? `${hextetsOf(bare).slice(0, NETWORK_HEXTETS).join(':')}::/48` : '';
}

/** The leading groups of an IPv6 address without leading zeros; what `::` stands for is written out. */
function hextetsOf(address: string): string[] {
  const [head = '', tail] = address.split('::');
  const groups = (text: string) => (text === '' ? [] : text.split(':'));
  const before = groups(head);
  if (tail === undefined) return before.map(shorten);
  // An IPv4 tail counts for two groups; it lies behind what a network of 48 bits needs.
  const after = groups(tail).flatMap((group) => (group.includes('.') ? ['0', '0'] : [group]));
  const zeros = Array.from({ length: HEXTETS - before.length - after.length }, () => '0');
  return [...before, ...zeros, ...after].map(shorten);
}

const shorten = (group: string) => group.toLowerCase().replace(/^0+(?=.)/, '');
