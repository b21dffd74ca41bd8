import { open } from 'node:fs/promises';
import { pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';

export type CatalogueFormat = 'products' | 'categories';

/** The file cannot be read, or not to its end; the message is for the person who called for the import. */
class CatalogueFileError extends Error {}

export interface CatalogueFile {
  readonly format: CatalogueFormat;
  readonly sizeBytes: number;
  /** Plain content, whatever the file's compression. Iterating throws CatalogueFileError when reading fails. */
  readonly chunks: AsyncIterable<Uint8Array>;
}

const SNIFFED_BYTES = 4096;

/**
 * Opens a catalogue: `.csv` holds products, `.json` a category tree, either may be gzipped. A file with
 * another name is judged by its first character.
 * @throws CatalogueFileError when there is no such file or it is nothing of the kind.
 */
export async function openCatalogueFile(
  path: string,
  onBytes: (readBytes: number) => void,
): Promise<CatalogueFile> {
  const handle = await open(path).catch((error: unknown) => {
    throw new CatalogueFileError(`cannot open ${path}: ${reasonOf(error)}`);
  });
  const stat = await handle.stat();
  if (!stat.isFile()) {
    await handle.close();
    throw new CatalogueFileError(`${path} is not a file`);
  }
  const { bytesRead, buffer } = await handle.read(Buffer.alloc(SNIFFED_BYTES), 0, SNIFFED_BYTES, 0);
  const isGzip = bytesRead > 1 && buffer[0] === 0x1f && buffer[1] === 0x8b;
  const format = formatOf(path, isGzip ? '' : buffer.toString('utf8', 0, bytesRead));
  if (format === null) {
    await handle.close();
    throw new CatalogueFileError(`${path} is neither named .csv nor .json, with or without .gz`);
  }

  let readBytes = 0;
  const source = handle.createReadStream({ start: 0 });
  source.on('data', (chunk) => {
    readBytes += chunk.length;
    onBytes(readBytes);
  });
  source.pause();
  // Not before somebody reads: what fails until then would fail without anybody to tell.
  const read = (): Readable => (isGzip ? pipeline(source, createGunzip(), () => undefined) : source);
  return { format, sizeBytes: stat.size, chunks: withReadableErrors(path, read) };
}

function formatOf(path: string, start: string): CatalogueFormat | null {
  const name = path.toLowerCase().replace(/\.gz$/, '');
  if (name.endsWith('.csv')) return 'products';
  if (name.endsWith('.json')) return 'categories';
  const first = /[^\s\uFEFF]/.exec(start)?.[0];
  if (first === undefined) return null;
  return first === '[' ? 'categories' : start.includes(',') ? 'products' : null;
}

async function* withReadableErrors(path: string, read: () => Readable): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of read()) yield chunk as Uint8Array;
  } catch (error) {
    throw new CatalogueFileError(`cannot read ${path} to its end: ${reasonOf(error)}`);
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'permission denied',
  EISDIR: 'it is a directory',
  Z_BUF_ERROR: 'the compressed data ends early',
  Z_DATA_ERROR: 'the compressed data is damaged',
};

function reasonOf(error: unknown): string {
  const { code = '', message = '' } = error as { code?: string; message?: string };
  return REASONS[code] ?? message;
}
