import { type FileHandle, mkdir, open, readdir, stat, unlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';

/** A line of the audit log on its way to a stream. */
export interface RoutedLine {
  /** A number that is the same for every line of one resource; the streams are shared out by it. */
  readonly route: number;
  readonly line: string;
}

/** Lines from the front of the spool; they stay there until they are {@link AuditSpool.remove}d. */
export interface SpoolChunk {
  readonly lines: readonly RoutedLine[];
  readonly segment: Segment;
  readonly endOffset: number;
}

interface Segment {
  readonly path: string;
  bytes: number;
  /** What is before it has been handed on. */
  offset: number;
}

const SEGMENT_BYTES = 8 * 1024 * 1024;
const CHUNK_BYTES = 512 * 1024;
const SUFFIX = '.spool';

/**
 * Lines on the disk while Redis cannot take them, first in, first out. `append` resolves when they are
 * written through to the device. Files of a process that died on this host are taken over by the next one
 * that starts with the same directory; what was handed on already comes again then, and the sink leaves it
 * out. One user at a time: calls must not overlap.
 *
 * A last line that was cut off by a crash was never acknowledged, and is left out.
 */
export class AuditSpool {
  private readonly segments: Segment[] = [];
  private active: { readonly segment: Segment; readonly file: FileHandle } | null = null;
  private count = 0;
  private total = 0;
  private readonly prefix: string;

  private constructor(
    private readonly directory: string,
    private readonly bytesMax: number,
    startedMs: number,
  ) {
    this.prefix = `${hostName()}.${String(process.pid)}.${startedMs.toString(36).padStart(9, '0')}.`;
  }

  /** Makes the directory and takes over what dead processes left in it. @throws when it cannot be used. */
  static async open(directory: string, bytesMax: number, startedMs: number): Promise<AuditSpool> {
    const spool = new AuditSpool(directory, bytesMax, startedMs);
    await mkdir(directory, { recursive: true });
    await spool.adopt();
    return spool;
  }

  /** Of lines that are not handed on yet. */
  get bytes(): number {
    return this.total;
  }

  get isEmpty(): boolean {
    return this.segments.length === 0;
  }

  /** False when the lines would exceed the bound; nothing was written then. @throws what the disk throws. */
  async append(lines: readonly RoutedLine[]): Promise<boolean> {
    const data = Buffer.from(lines.map(({ route, line }) => `${String(route)}\t${line}\n`).join(''));
    if (this.total + data.length > this.bytesMax) return false;
    this.active ??= await this.begin();
    const { segment, file } = this.active;
    try {
      await file.appendFile(data);
      await file.datasync();
    } catch (error) {
      // Nobody knows how much of it is there; a new file begins with a whole line.
      await this.seal();
      throw error;
    }
    segment.bytes += data.length;
    this.total += data.length;
    if (segment.bytes >= SEGMENT_BYTES) await this.seal();
    return true;
  }

  /** The oldest lines; null when there are none. */
  async peek(): Promise<SpoolChunk | null> {
    for (;;) {
      const [segment] = this.segments;
      if (segment === undefined) return null;
      // What is read is not written any more: later lines go into the next file.
      if (this.active?.segment === segment) await this.seal();
      const { text, end } = await readLines(segment);
      if (end > segment.offset) return { lines: parse(text), segment, endOffset: end };
      await this.discard(segment);
    }
  }

  async remove({ segment, endOffset }: SpoolChunk): Promise<void> {
    this.total -= Math.min(endOffset, segment.bytes) - segment.offset;
    segment.offset = endOffset;
    if (endOffset >= segment.bytes) await this.discard(segment);
  }

  async close(): Promise<void> {
    await this.seal();
  }

  private async begin(): Promise<{ segment: Segment; file: FileHandle }> {
    this.count += 1;
    const path = join(this.directory, `${this.prefix}${String(this.count).padStart(6, '0')}${SUFFIX}`);
    const file = await open(path, 'wx', 0o600);
    // The name of a new file is on the disk only when its directory is.
    const directory = await open(this.directory, 'r');
    await directory.sync().finally(() => directory.close());
    const segment = { path, bytes: 0, offset: 0 };
    this.segments.push(segment);
    return { segment, file };
  }

  private async seal(): Promise<void> {
    const { active } = this;
    this.active = null;
    await active?.file.close();
  }

  private async discard(segment: Segment): Promise<void> {
    this.segments.splice(this.segments.indexOf(segment), 1);
    this.total -= Math.max(0, segment.bytes - segment.offset);
    await unlink(segment.path).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    });
  }

  private async adopt(): Promise<void> {
    for (const name of (await readdir(this.directory)).filter(isOrphaned).sort(byAge)) {
      const path = join(this.directory, name);
      const { size } = await stat(path);
      this.segments.push({ path, bytes: size, offset: 0 });
      this.total += size;
    }
  }
}

const hostName = (): string => hostname().replaceAll(/[^\w-]/g, '_');

/** Of a process of this host that does not live any more; one with our own number is from before a restart. */
function isOrphaned(name: string): boolean {
  const [host, pid, start, count] = name.split('.');
  if (host !== hostName() || start === undefined || count === undefined || !name.endsWith(SUFFIX))
    return false;
  return Number(pid) === process.pid || !isAlive(Number(pid));
}

function byAge(a: string, b: string): number {
  const key = (name: string) => name.split('.').slice(2).join('.');
  return key(a) < key(b) ? -1 : 1;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Whole lines from the offset on, and where they end. */
async function readLines({ path, offset }: Segment): Promise<{ text: string; end: number }> {
  const file = await open(path, 'r').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  });
  if (file === null) return { text: '', end: offset };
  try {
    for (let size = CHUNK_BYTES; ; size *= 2) {
      const buffer = Buffer.allocUnsafe(size);
      const { bytesRead } = await file.read(buffer, 0, size, offset);
      const end = buffer.lastIndexOf(0x0a, bytesRead - 1) + 1;
      if (end > 0 || bytesRead < size) return { text: buffer.toString('utf8', 0, end), end: offset + end };
    }
  } finally {
    await file.close();
  }
}

function parse(text: string): RoutedLine[] {
  return text
    .split('\n')
    .filter((each) => each !== '')
    .map((each) => {
      const tab = each.indexOf('\t');
      return { route: Number(each.slice(0, tab)), line: each.slice(tab + 1) };
    });
}
