import { LINE_SEPARATOR } from './audit-entry.js';
import type { RoutedLine } from './audit-spool.js';

/** Lines in one entry of a stream: what is bundled costs Redis one command instead of so many. */
const LINES_PER_ENTRY = 100;
const FIRST_BYTES = 4096;
/** Of a UTF-16 unit in UTF-8. */
const UNIT_BYTES_MAX = 3;
const SEPARATOR_BYTE = LINE_SEPARATOR.charCodeAt(0);

/**
 * Lines on their way, as the bytes that Redis gets. Each is written into its bytes at once: thousands of texts
 * that wait for their batch, each a tree of concatenations until something reads it, cost the garbage
 * collector more than everything else costs here.
 */
export class AuditBatch {
  private readonly parts: (PartitionLines | undefined)[];
  private count = 0;

  constructor(private readonly partitions: number) {
    this.parts = new Array<undefined>(partitions).fill(undefined);
  }

  static of(lines: readonly RoutedLine[], partitions: number): AuditBatch {
    const batch = new AuditBatch(partitions);
    for (const { route, line } of lines) batch.add(route, line);
    return batch;
  }

  get size(): number {
    return this.count;
  }

  add(route: number, line: string): void {
    const partition = route % this.partitions;
    (this.parts[partition] ??= new PartitionLines()).add(route, line);
    this.count += 1;
  }

  /** For each partition that has lines the entries of its stream. */
  entries(): { readonly partition: number; readonly entries: readonly Buffer[] }[] {
    return this.parts.flatMap((part, partition) =>
      part === undefined ? [] : [{ partition, entries: part.entries() }],
    );
  }

  /** The lines of each resource in their order. */
  lines(): RoutedLine[] {
    return this.parts.flatMap((part) => part?.lines() ?? []);
  }
}

class PartitionLines {
  private bytes = Buffer.allocUnsafe(FIRST_BYTES);
  private end = 0;
  private readonly routes: number[] = [];
  private readonly begins: number[] = [];

  add(route: number, line: string): void {
    this.reserve(line.length * UNIT_BYTES_MAX + 1);
    if (this.routes.length > 0) this.bytes[this.end++] = SEPARATOR_BYTE;
    if (this.routes.length % LINES_PER_ENTRY === 0) this.begins.push(this.end);
    this.routes.push(route);
    this.end += this.bytes.write(line, this.end);
  }

  entries(): Buffer[] {
    return this.begins.map((begin, n) => {
      const next = this.begins[n + 1];
      return this.bytes.subarray(begin, next === undefined ? this.end : next - 1);
    });
  }

  lines(): RoutedLine[] {
    const lines = this.bytes.toString('utf8', 0, this.end).split(LINE_SEPARATOR);
    return this.routes.map((route, n) => ({ route, line: lines[n] ?? '' }));
  }

  private reserve(room: number): void {
    if (this.end + room <= this.bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(2 * this.bytes.length, this.end + room));
    this.bytes.copy(larger, 0, 0, this.end);
    this.bytes = larger;
  }
}
