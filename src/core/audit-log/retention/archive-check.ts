import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import type { AppConfig } from '../../../config/index.js';
import { ChainLinks, textOf } from '../audit-chain.js';
import { timeOfId } from '../audit-entry.js';
import { type ArchivedEntry, parseArchiveLine, parseArchiveSeal } from './archive-lines.js';
import { type RetiredRange, type RetirementRecord, RetirementSigner } from './retirement-record.js';

export interface ArchiveReport {
  /** Null when the file does not end with a record that we signed. */
  readonly record: RetirementRecord | null;
  readonly entries: number;
  /** SHA-256 of the file, to be compared with that of the checkpoint of its month. */
  readonly sha256: string;
  /** Null when the file is what was written; what is wrong, and where. */
  readonly fault: string | null;
}

/**
 * Whether an archived month is what was taken out of the table, from the file and the key alone: every link,
 * and against the signed record at its end that none is missing and each range begins and ends where it did.
 * @throws the error of the file system when the file cannot be read.
 */
export async function checkArchive(file: string, { secrets }: AppConfig): Promise<ArchiveReport> {
  const check = new ArchiveCheck(new ChainLinks(secrets), new RetirementSigner(secrets));
  const hash = createHash('sha256');
  const source = createReadStream(file);
  source.on('data', (chunk) => hash.update(chunk));
  try {
    await pipeline(source, createGunzip(), (chunks: AsyncIterable<Buffer>) => check.read(chunks));
  } catch (error) {
    const { syscall, code = '' } = error as NodeJS.ErrnoException;
    if (syscall !== undefined) throw error;
    check.fail(code.startsWith('Z_') ? 'the file is no whole gzip file' : String(error));
  }
  return { ...check.report(), sha256: source.readableEnded ? hash.digest('hex') : '' };
}

class ArchiveCheck {
  private readonly ranges: RetiredRange[] = [];
  private record: RetirementRecord | null = null;
  private entries = 0;
  private fault: string | null = null;

  constructor(
    private readonly links: ChainLinks,
    private readonly signer: RetirementSigner,
  ) {}

  async read(chunks: AsyncIterable<Buffer>): Promise<void> {
    const decoder = new TextDecoder();
    let rest = '';
    for await (const chunk of chunks) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.accept(line);
    }
    if (rest !== '') this.fail('the last line is cut off');
  }

  /** The first one counts. */
  fail(fault: string): void {
    this.fault ??= fault;
  }

  report(): Omit<ArchiveReport, 'sha256'> {
    const { record, entries, ranges } = this;
    if (record === null) this.fail('it does not end with a record that we signed');
    else if (record.entries !== entries || JSON.stringify(record.ranges) !== JSON.stringify(ranges))
      this.fail('its entries are not those of its record: some are missing');
    return { record, entries, fault: this.fault };
  }

  private accept(line: string): void {
    if (this.fault !== null) return;
    if (this.record !== null) {
      this.fail('something follows its record');
      return;
    }
    const at = `line ${String(this.entries + 1)}`;
    try {
      const seal = parseArchiveSeal(line);
      if (seal === null) this.follow(parseArchiveLine(line), at);
      else this.record = this.signer.open(seal);
    } catch {
      this.fail(`${at} is not a line of an archive`);
    }
  }

  private follow(entry: ArchivedEntry, at: string): void {
    const { chain, seq, hash, timeMs, previous } = entry;
    const last = this.ranges.at(-1);
    const linkedTo = previous ?? last?.hash ?? '';
    const isNext = previous !== null || (last?.chain === chain && last.to + 1 === seq);
    const isGenuine =
      timeMs === timeOfId(entry.id) && hash === this.links.hash(linkedTo, chain, seq, textOf(entry, timeMs));
    if (!isNext || !isGenuine) {
      const place = `${at}, chain ${String(chain)} position ${String(seq)}`;
      this.fail(isNext ? `${place}, is ALTERED` : `entries are MISSING in front of ${place}`);
      return;
    }
    this.entries += 1;
    if (previous !== null || last === undefined)
      this.ranges.push({ chain, from: seq, previous: linkedTo, to: seq, hash });
    else this.ranges[this.ranges.length - 1] = { ...last, to: seq, hash };
  }
}
