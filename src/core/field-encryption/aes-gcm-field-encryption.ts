import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  type KeyObject,
  randomBytes,
} from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { AppConfig } from '../../config/index.js';
import { FieldDecryptionError } from './field-encryption.errors.js';
import { FieldEncryption } from './field-encryption.js';

const ALGORITHM = 'aes-256-gcm';
const VERSION = 1;
const IV_BYTES = 12;
const TAG_BYTES = 16;

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
    const iv = randomBytes(IV_BYTES);
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

/** The header's own length byte separates it from the context that follows. */
function associatedData(header: Buffer, context: string): Buffer {
  return Buffer.concat([header, Buffer.from(context, 'utf8')]);
}
