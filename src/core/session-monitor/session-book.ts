import type { SessionTimes } from './session-tally.js';

/**
 * One user's sessions as core/session keeps them: a hash {subject, epoch, <session id> -> record}, where a
 * record is struct '>c32I6I6I6I6Bc0Bc0' (book-open.lua): hash of the secret, milliseconds of opening, last
 * use, expiry and absolute end, user agent, network.
 */
const OPENED_AT = 32;
const SEEN_AT = 38;
const UNTIL_AT = 44;
const AGENT_AT = 56;
const TIME_BYTES = 6;
/** Fields of a book that are no sessions. */
const OTHER_FIELDS = new Set(['subject', 'epoch']);

export interface BookEntry extends SessionTimes {
  readonly sessionId: string;
  readonly untilMs: number;
}

/** A field that cannot be a record is left out: it is not ours to judge. */
export function readBook(fields: Readonly<Record<string, Buffer>>): BookEntry[] {
  return Object.entries(fields).flatMap(([field, record]) => {
    if (OTHER_FIELDS.has(field) || record.length <= AGENT_AT) return [];
    const agentLength = record[AGENT_AT] ?? 0;
    return {
      sessionId: field,
      openedAtMs: record.readUIntBE(OPENED_AT, TIME_BYTES),
      seenAtMs: record.readUIntBE(SEEN_AT, TIME_BYTES),
      untilMs: record.readUIntBE(UNTIL_AT, TIME_BYTES),
      userAgent: record.toString('latin1', AGENT_AT + 1, AGENT_AT + 1 + agentLength),
    };
  });
}
