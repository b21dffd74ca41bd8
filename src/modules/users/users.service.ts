import { Injectable } from '@nestjs/common';
import { newId } from '../../common/ids.js';
import { type AuditedBy, auditedBySystem, type AuditOrigin } from '../../core/audit-log/index.js';
import { FieldEncryption } from '../../core/field-encryption/index.js';
import { normalizeEmail } from './email-address.js';
import { isRole, type Role } from './roles.js';
import { userRegistered } from './users.events.js';
import type { NewUser, User, UserWithPassword } from './user.js';
import { type UserRow, UsersRepository } from './users.repository.js';

export type Registration =
  { readonly kind: 'registered'; readonly user: User } | { readonly kind: 'email_taken' };

/**
 * `present`: the administrator was there before and nothing was changed, not even the password.
 * `email_taken`: the address belongs to an account without administrative rights, which is not given
 * any: whoever registered it first is not known to be the operator.
 */
export type AdminProvision =
  { readonly kind: 'created' | 'present'; readonly user: User } | { readonly kind: 'email_taken' };

/** Accounts. E-mail and name are encrypted at rest and found by a keyed hash. */
@Injectable()
export class UsersService {
  constructor(
    private readonly repository: UsersRepository,
    private readonly encryption: FieldEncryption,
  ) {}

  /** Creates a customer. Of parallel registrations of one address exactly one succeeds. */
  async register(account: NewUser, origin: AuditOrigin): Promise<Registration> {
    const by: AuditedBy = { actor: `user:${account.id}`, origin };
    const user = await this.insert(account, 'customer', by);
    return user === null ? { kind: 'email_taken' } : { kind: 'registered', user };
  }

  /**
   * Makes sure that a superadmin with this address exists; idempotent, also when several processes
   * start at once. `hashPassword` is called only when the account has to be created.
   */
  async ensureAdmin(account: {
    readonly email: string;
    readonly name: string;
    readonly hashPassword: () => Promise<string>;
  }): Promise<AdminProvision> {
    const { email, name, hashPassword } = account;
    const existing = await this.findByEmail(email);
    if (existing !== null) return provisionOf(existing.user);
    const passwordHash = await hashPassword();
    const user = await this.insert({ id: newId(), email, name, passwordHash }, 'superadmin', SEED);
    if (user !== null) return { kind: 'created', user };
    const winner = await this.findByEmail(email);
    return winner === null ? { kind: 'email_taken' } : provisionOf(winner.user);
  }

  async findByEmail(email: string): Promise<UserWithPassword | null> {
    const row = await this.repository.findByEmailHash(this.emailIndex(normalizeEmail(email)));
    return row === null ? null : { user: this.toUser(row), passwordHash: row.passwordHash };
  }

  async findById(id: string): Promise<User | null> {
    const row = await this.repository.findById(id);
    return row === null ? null : this.toUser(row);
  }

  async exists(id: string): Promise<boolean> {
    return (await this.repository.findById(id)) !== null;
  }

  private async insert(account: NewUser, role: Role, by: AuditedBy): Promise<User | null> {
    const { id, name, passwordHash } = account;
    const email = normalizeEmail(account.email);
    const row = {
      id,
      emailHash: this.emailIndex(email),
      emailCiphertext: this.encryption.encrypt(email, emailContext(id)),
      nameCiphertext: this.encryption.encrypt(name, nameContext(id)),
      passwordHash,
      role,
    };
    const isNew = await this.repository.insert(row, userRegistered(id, role, by));
    return isNew ? { id, email, name, role } : null;
  }

  private toUser({ id, emailCiphertext, nameCiphertext, role }: UserRow): User {
    return {
      id,
      email: this.encryption.decrypt(emailCiphertext, emailContext(id)),
      name: this.encryption.decrypt(nameCiphertext, nameContext(id)),
      // A role that this version does not know grants the least.
      role: isRole(role) ? role : 'customer',
    };
  }

  private emailIndex(email: string): Buffer<ArrayBuffer> {
    return this.encryption.blindIndex(email, 'users.email');
  }
}

/** Makes the first administrator. */
const SEED = auditedBySystem('seed');

const emailContext = (id: string) => `users.email:${id}`;
const nameContext = (id: string) => `users.name:${id}`;

function provisionOf(user: User): AdminProvision {
  return user.role === 'customer' ? { kind: 'email_taken' } : { kind: 'present', user };
}
