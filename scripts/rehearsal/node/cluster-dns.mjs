// @ts-check
// What a cluster's DNS says of Services, and nothing else: an A record for NAME.NAMESPACE.svc.cluster.local. Everything
// else does not exist. (RFC 1035; one question, no compression in it, as resolvers send it.)
import { createSocket } from 'node:dgram';
import { once } from 'node:events';

const DOMAIN = 'svc.cluster.local';
const A = 1;
const NO_SUCH_NAME = 3;
const TTL_SECONDS = 5;

/**
 * @param {string} address
 * @param {ReadonlyMap<string, string>} services addresses by `name.namespace`
 */
export async function startClusterDns(address, services) {
  const socket = createSocket('udp4');
  socket.on('message', (query, { port, address: client }) => {
    const answer = answerTo(query, services);
    if (answer !== null) socket.send(answer, port, client);
  });
  socket.bind(53, address);
  await once(socket, 'listening');
  return socket;
}

/**
 * @param {Buffer} query
 * @param {ReadonlyMap<string, string>} services
 * @returns {Buffer | null} null when it is no question
 */
export function answerTo(query, services) {
  const question = readQuestion(query);
  if (question === null) return null;
  const { name, type, end } = question;
  const known = name.endsWith(`.${DOMAIN}`)
    ? services.get(name.slice(0, -DOMAIN.length - 1).toLowerCase())
    : undefined;
  const hasAnswer = known !== undefined && type === A;
  const header = Buffer.alloc(12);
  query.copy(header, 0, 0, 2);
  // An authoritative answer; recursion, if it was asked for, is said to be there, or some resolvers complain.
  header.writeUInt16BE(0x8580 | (known === undefined ? NO_SUCH_NAME : 0), 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(hasAnswer ? 1 : 0, 6);
  const parts = [header, query.subarray(12, end)];
  if (hasAnswer) {
    const record = Buffer.alloc(12);
    // The name of the question, which begins at the twelfth byte.
    record.writeUInt16BE(0xc00c, 0);
    record.writeUInt16BE(A, 2);
    record.writeUInt16BE(1, 4);
    record.writeUInt32BE(TTL_SECONDS, 6);
    record.writeUInt16BE(4, 10);
    parts.push(record, Buffer.from(known.split('.').map(Number)));
  }
  return Buffer.concat(parts);
}

/** @param {Buffer} query */
function readQuestion(query) {
  if (query.length < 17 || query.readUInt16BE(4) !== 1) return null;
  /** @type {string[]} */
  const labels = [];
  let at = 12;
  for (let length = query[at] ?? 0; length !== 0; length = query[at] ?? 0) {
    if (length > 63 || at + 1 + length >= query.length) return null;
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  if (at + 5 > query.length) return null;
  return { name: labels.join('.'), type: query.readUInt16BE(at + 1), end: at + 5 };
}
