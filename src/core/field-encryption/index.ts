export { FieldEncryption } from './field-encryption.js';
export { FieldEncryptionModule } from './field-encryption.module.js';
