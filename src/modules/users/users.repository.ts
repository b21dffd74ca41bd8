import { Injectable } from '@nestjs/common';
import { EventOutbox, type NewEvent } from '../../core/events/index.js';
import { isUniqueViolation, OptimizedPrismaService } from '../../infrastructure/database/prisma/index.js';

/** One row of `users`; personal data is ciphertext. */
export interface UserRow {
  readonly id: string;
  readonly emailHash: Uint8Array<ArrayBuffer>;
  readonly emailCiphertext: Uint8Array<ArrayBuffer>;
  readonly nameCiphertext: Uint8Array<ArrayBuffer>;
  readonly passwordHash: string;
  readonly role: string;
}

@Injectable()
export class UsersRepository {
  constructor(
    private readonly database: OptimizedPrismaService,
    private readonly outbox: EventOutbox,
  ) {}

  /** Together with its event. False when another row has the same e-mail hash. */
  async insert(row: UserRow, event: NewEvent): Promise<boolean> {
    try {
      await this.database.sqlTransaction(async (transaction) => {
        await transaction.execute(
          `INSERT INTO users (id, email_hash, email_ciphertext, name_ciphertext, password_hash, role)
           VALUES ($1, $2, $3, $4, $5, $6)`,
          [
            row.id,
            Buffer.from(row.emailHash),
            Buffer.from(row.emailCiphertext),
            Buffer.from(row.nameCiphertext),
            row.passwordHash,
            row.role,
          ],
        );
        await this.outbox.append(transaction, [event]);
      });
      return true;
    } catch (error) {
      if (isUniqueViolation(error)) return false;
      throw error;
    }
  }

  /** Asks the writer: an account can log in the moment it is registered, and a miss costs what a hit does. */
  findByEmailHash(emailHash: Uint8Array<ArrayBuffer>): Promise<UserRow | null> {
    return this.database.write.user.findUnique({ where: { emailHash } });
  }

  /** Asks a replica first, and the writer when the replica does not have the row yet. */
  async findById(id: string): Promise<UserRow | null> {
    const found = await this.database.read(null, (client) => client.user.findUnique({ where: { id } }));
    return found ?? this.database.write.user.findUnique({ where: { id } });
  }
}
