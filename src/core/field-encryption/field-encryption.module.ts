import { Global, Module } from '@nestjs/common';
import { AesGcmFieldEncryption } from './aes-gcm-field-encryption.js';
import { FieldEncryption } from './field-encryption.js';

@Global()
@Module({
  providers: [{ provide: FieldEncryption, useClass: AesGcmFieldEncryption }],
  exports: [FieldEncryption],
})
export class FieldEncryptionModule {}
