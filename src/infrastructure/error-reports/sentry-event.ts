import { randomBytes, randomUUID } from 'node:crypto';
import { createStackParser, type Event, type Exception, exceptionFromError } from '@sentry/core';
import { nodeStackLineParser } from '@sentry/core/server';
import { scrubText } from './scrub-text.js';

/** Errors behind an error that are told as well. */
const CAUSES_MAX = 3;
const FRAMES_MAX = 40;

export interface ReportOrigin {
  readonly environment: string;
  /** Empty: none is named. */
  readonly release: string;
  readonly role: string;
}

/** Fields of log lines that tell where an error belongs to; every other field stays here. */
const TAGS = ['requestId', 'traceId', 'job', 'type', 'breaker', 'role', 'channel', 'eventId'] as const;
const TAG_LENGTH_MAX = 100;

const parseStack = createStackParser(nodeStackLineParser());

/** One event of Sentry's protocol, without a single field that the SDKs fill by themselves. */
export function sentryEventOf(
  error: unknown,
  fields: object,
  message: string,
  origin: ReportOrigin,
  unixMs: number,
): Event {
  const tags = tagsOf(fields);
  const traceId = tags['traceId'];
  return {
    event_id: randomUUID().replaceAll('-', ''),
    timestamp: unixMs / 1000,
    platform: 'node',
    level: 'error',
    logger: 'caudal',
    environment: origin.environment,
    ...(origin.release === '' ? {} : { release: origin.release }),
    // The line is always the same text: what happened is in the exception.
    logentry: { message },
    tags: { ...tags, role: origin.role },
    ...(traceId === undefined
      ? {}
      : // Its span is one of Sentry's, which wants one; Jaeger and others find the trace.
        { contexts: { trace: { trace_id: traceId, span_id: randomBytes(8).toString('hex') } } }),
    // The one that was thrown comes last.
    exception: { values: exceptionsOf(error).reverse() },
  };
}

function tagsOf(fields: object): Record<string, string> {
  const entries = Object.entries(fields).filter(([name]) => TAGS.some((tag) => tag === name));
  return Object.fromEntries(
    entries.flatMap(([name, value]) =>
      typeof value === 'string' ? [[name, scrubText(value).slice(0, TAG_LENGTH_MAX)]] : [],
    ),
  );
}

function exceptionsOf(thrown: unknown): Exception[] {
  const exceptions: Exception[] = [];
  for (let next = thrown; exceptions.length <= CAUSES_MAX; next = next.cause) {
    if (!(next instanceof Error)) {
      // Something else than an error has no stack, and its content may be anything.
      if (exceptions.length === 0) exceptions.push({ type: 'NoError', value: `a ${typeof next} was thrown` });
      break;
    }
    exceptions.push(exceptionOf(next));
  }
  return exceptions;
}

function exceptionOf(error: Error): Exception {
  const { name, message, stack = '' } = error;
  // The stack begins with the message, whose lines are none of the stack.
  const at = stack.indexOf(message);
  const lines = at < 0 ? stack : `${name}${stack.slice(at + message.length)}`;
  const exception = exceptionFromError(
    parseStack,
    Object.assign(new Error(scrubText(message)), { name, stack: lines }),
  );
  const frames = exception.stacktrace?.frames?.slice(-FRAMES_MAX);
  return frames === undefined ? exception : { ...exception, stacktrace: { frames } };
}
