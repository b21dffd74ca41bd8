import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  type KeyObject,
  randomFillSync,
} from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { AppConfig } from '../../config/index.js';
import { FieldDecryptionError } from './field-encryption.errors.js';
import { FieldEncryption } from './field-encryption.js';

const ALGORITHM = 'aes-256-gcm';
const VERSION = 1;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const RANDOM_BLOCK_VALUES = 256;

/**
 * Layout, version 1: `version (1) | length of key id (1) | key id | IV (12) | tag (16) | ciphertext`.
 * Everything before the IV is authenticated together with the context.
 */
@Injectable()
export class AesGcmFieldEncryption extends FieldEncryption {
  // Key objects: a buffer is made into one at every call, which takes three times the encryption.
  private readonly keys: ReadonlyMap<string, KeyObject>;
  private readonly currentKey: KeyObject;
  private readonly currentHeader: Buffer;
  private readonly blindIndexKey: KeyObject;
  private readonly ivs = new RandomValues(IV_BYTES);

  constructor({ secrets }: AppConfig) {
    super();
    const [current] = secrets.fieldKeys;
    this.keys = new Map(secrets.fieldKeys.map(({ id, key }) => [id, createSecretKey(key)]));
    this.currentKey = createSecretKey(current.key);
    const id = Buffer.from(current.id, 'latin1');
    this.currentHeader = Buffer.concat([Buffer.from([VERSION, id.length]), id]);
    this.blindIndexKey = createSecretKey(secrets.blindIndexKey);
  }

  override encrypt(text: string, context: string): Buffer<ArrayBuffer> {
    const iv = this.ivs.next();
    const cipher = createCipheriv(ALGORITHM, this.currentKey, iv, { authTagLength: TAG_BYTES });
    cipher.setAAD(associatedData(this.currentHeader, context));
    const ciphertext = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
    return Buffer.concat([this.currentHeader, iv, cipher.getAuthTag(), ciphertext]);
  }

  override decrypt(bytes: Uint8Array, context: string): string {
    const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const headerLength = 2 + (data[1] ?? 0);
    if (data[0] !== VERSION || data.length < headerLength + IV_BYTES + TAG_BYTES) {
      throw new FieldDecryptionError('malformed', 'the value is not a version 1 ciphertext');
    }
    const header = data.subarray(0, headerLength);
    const keyId = header.toString('latin1', 2);
    const key = this.keys.get(keyId);
    if (key === undefined) {
      throw new FieldDecryptionError('unknown_key', `no key "${keyId}" in FIELD_ENCRYPTION_KEYS`);
    }

    const ivEnd = headerLength + IV_BYTES;
    const tagEnd = ivEnd + TAG_BYTES;
    const decipher = createDecipheriv(ALGORITHM, key, data.subarray(headerLength, ivEnd), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(associatedData(header, context));
    decipher.setAuthTag(data.subarray(ivEnd, tagEnd));
    try {
      return Buffer.concat([decipher.update(data.subarray(tagEnd)), decipher.final()]).toString('utf8');
    } catch (error) {
      throw new FieldDecryptionError(
        'not_authentic',
        `a value under key "${keyId}" was altered or belongs to another context`,
        { cause: error },
      );
    }
  }

  override blindIndex(text: string, context: string): Buffer<ArrayBuffer> {
    // The length keeps (context, text) pairs apart that would otherwise run together.
    const digest = createHmac('sha256', this.blindIndexKey)
      .update(`${String(context.length)}:${context}:`)
      .update(text, 'utf8')
      .digest();
    return Buffer.from(digest);
  }
}

/** Random values of one length, drawn from the operating system by the block: a draw costs as much as a block. */
class RandomValues {
  private readonly block: Buffer;
  private offset = 0;

  constructor(private readonly length: number) {
    this.block = Buffer.alloc(RANDOM_BLOCK_VALUES * length);
  }

  /** Valid until the next call. No value is handed out twice. */
  next(): Buffer {
    if (this.offset === 0) randomFillSync(this.block);
    const value = this.block.subarray(this.offset, this.offset + this.length);
    this.offset = (this.offset + this.length) % this.block.length;
    return value;
  }
}

/** The header's own length byte separates it from the context that follows. */
function associatedData(header: Buffer, context: string): Buffer {
  return Buffer.concat([header, Buffer.from(context, 'utf8')]);
}
