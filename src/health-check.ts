/**
 * node dist/health-check.js: Docker's HEALTHCHECK. It asks the server for its own numbers (its management
 * port), because those of this process would say nothing about it, and ends with 0 or 1 within 5 s. The
 * numbers go to standard output, where Docker keeps them; why it is not well goes to standard error.
 *
 * It loads nothing but the socket: a container runs it every few seconds. It shares no code with the
 * server, so it reads the two settings it needs itself (MANAGEMENT_PORT, HOST).
 */
import { connect } from 'node:net';

const DEADLINE_MS = 5000;
/** Close to its limit V8 collects garbage without end and then aborts the process. */
const HEAP_SHARE_MAX = 0.97;
const ANSWER_BYTES_MAX = 65_536;

const { MANAGEMENT_PORT, HOST } = process.env;
const host = HOST === undefined || HOST === '' || HOST === '0.0.0.0' || HOST === '::' ? '127.0.0.1' : HOST;

function end(problem: string | null): never {
  if (problem !== null) process.stderr.write(`unhealthy: ${problem}\n`);
  process.exit(problem === null ? 0 : 1);
}

function judge(answer: string): string | null {
  const [head = '', body = ''] = answer.split('\r\n\r\n');
  const status = /^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1];
  if (status === undefined) return 'the answer is not HTTP';
  process.stdout.write(`${body}\n`);
  if (status !== '200') return `the server answers ${status}`;
  let vitals: { heapUsedBytes?: unknown; heapLimitBytes?: unknown; uptimeSeconds?: unknown };
  try {
    vitals = JSON.parse(body) as typeof vitals;
  } catch {
    return 'the answer cannot be read';
  }
  const { heapUsedBytes, heapLimitBytes, uptimeSeconds } = vitals;
  if (
    typeof heapUsedBytes !== 'number' ||
    typeof heapLimitBytes !== 'number' ||
    typeof uptimeSeconds !== 'number'
  )
    return 'the answer lacks the numbers of the server';
  return heapUsedBytes > heapLimitBytes * HEAP_SHARE_MAX ? 'the heap is full' : null;
}

setTimeout(() => {
  end(`no answer within ${String(DEADLINE_MS)} ms`);
}, DEADLINE_MS);

let answer = '';
const socket = connect({ host, port: Number(MANAGEMENT_PORT ?? 9464) });
socket
  .on('connect', () => {
    // HTTP/1.0: the server closes after its answer and sends it in one piece.
    socket.write(`GET /health/process HTTP/1.0\r\nHost: ${host}\r\n\r\n`);
  })
  .on('data', (chunk: Buffer) => {
    answer += chunk.toString();
    if (answer.length > ANSWER_BYTES_MAX) end('the answer is too long');
  })
  .on('end', () => {
    end(judge(answer));
  })
  .on('error', (error) => {
    end(error.message);
  });
