import type { Role } from './roles.js';

/** A person with an account. */
export interface User {
  readonly id: string;
  /** Normalised, see {@link normalizeEmail}. */
  readonly email: string;
  readonly name: string;
  readonly role: Role;
}

export interface UserWithPassword {
  readonly user: User;
  /** PHC string. */
  readonly passwordHash: string;
}

export interface NewUser {
  /** Chosen by the caller, so that other records can refer to the account before it exists. */
  readonly id: string;
  readonly email: string;
  readonly name: string;
  /** PHC string. */
  readonly passwordHash: string;
}
