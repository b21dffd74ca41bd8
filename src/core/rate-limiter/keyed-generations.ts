/** Entries of one generation; two are remembered at once. */
const GENERATION_SIZE_MAX = 32_768;

/**
 * A bounded map that makes its entries. When a generation is full the one before is forgotten: what was not
 * asked for during a whole generation. A list ordered by use would forget more exactly, and cost three
 * times as much on every request.
 */
export class KeyedGenerations<Entry> {
  private recent = new Map<string, Entry>();
  private older = new Map<string, Entry>();

  constructor(
    private readonly make: (key: string) => Entry,
    private readonly sizeMax = GENERATION_SIZE_MAX,
  ) {}

  get(key: string): Entry {
    return this.recent.get(key) ?? this.remember(key);
  }

  find(key: string): Entry | undefined {
    return this.recent.get(key) ?? this.older.get(key);
  }

  delete(key: string): void {
    this.recent.delete(key);
    this.older.delete(key);
  }

  get size(): number {
    return this.recent.size + this.older.size;
  }

  private remember(key: string): Entry {
    const entry = this.older.get(key) ?? this.make(key);
    if (this.recent.size >= this.sizeMax) {
      this.older = this.recent;
      this.recent = new Map();
    }
    this.recent.set(key, entry);
    return entry;
  }
}
