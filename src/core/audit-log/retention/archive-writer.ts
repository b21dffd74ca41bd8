import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { newId } from '../../../common/ids.js';

/**
 * Writes one file of gzipped lines. It has its name only when it is whole and on the disk; what a process
 * that died has left behind is removed by the next one that begins a file for the same purpose.
 */
export class ArchiveWriter {
  private readonly lines = new PassThrough();
  private readonly hash = createHash('sha256');
  private readonly written: Promise<void>;

  private constructor(
    private readonly directory: string,
    private readonly partial: string,
  ) {
    const { hash } = this;
    this.written = pipeline(
      this.lines,
      createGzip(),
      async function* (chunks: AsyncIterable<Buffer>) {
        for await (const chunk of chunks) {
          hash.update(chunk);
          yield chunk;
        }
      },
      createWriteStream(partial, { flags: 'wx', mode: 0o600 }),
    );
    // Told by whoever waits next.
    this.written.catch(() => undefined);
  }

  static async create(directory: string, purpose: string): Promise<ArchiveWriter> {
    await mkdir(directory, { recursive: true });
    for (const left of await readdir(directory))
      if (left.startsWith(`${purpose}.`) && left.endsWith('.partial'))
        await rm(join(directory, left), { force: true });
    return new ArchiveWriter(directory, join(directory, `${purpose}.${newId()}.partial`));
  }

  async add(lines: readonly string[]): Promise<void> {
    if (lines.length === 0) return;
    if (this.lines.write(`${lines.join('\n')}\n`)) return;
    await Promise.race([once(this.lines, 'drain'), this.written]);
  }

  /** Resolves when the file is on the disk, in the place of one of the same name. */
  async finish(name: string): Promise<{ file: string; sha256: string }> {
    this.lines.end();
    await this.written;
    await synchronise(this.partial);
    await rename(this.partial, join(this.directory, name));
    await synchronise(this.directory);
    return { file: name, sha256: this.hash.digest('hex') };
  }

  /** Gives up, and leaves nothing. */
  async discard(): Promise<void> {
    this.lines.destroy();
    await this.written.catch(() => undefined);
    await rm(this.partial, { force: true });
  }
}

/** A rename is on the disk when the directory is. */
async function synchronise(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
