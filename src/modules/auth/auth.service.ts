import { Injectable } from '@nestjs/common';
import { newId } from '../../common/ids.js';
import type { AuditOrigin } from '../../core/audit-log/index.js';
import {
  type IssuedToken,
  type Rotation,
  type SessionDevice,
  SessionStore,
} from '../../core/session/index.js';
import { Logger } from '../../infrastructure/logging/index.js';
import { Metrics } from '../../infrastructure/metrics/index.js';
import { type AdminProvision, type User, UsersService } from '../users/index.js';
import { AccessTokenIssuer } from './access-token-issuer.js';
import { PasswordHasher } from './password-hasher.js';

/** What a person gets who has proven who they are. */
export interface SignedIn {
  readonly user: User;
  readonly accessToken: string;
  readonly expiresInSeconds: number;
}

export type SignIn =
  | { readonly kind: 'signed_in'; readonly signedIn: SignedIn; readonly refreshToken: IssuedToken }
  | { readonly kind: 'email_taken' | 'credentials_invalid' | 'session_limit_reached' };

export type Refresh =
  | {
      readonly kind: 'exchanged';
      readonly refreshToken: IssuedToken;
      readonly signIn: () => Promise<SignedIn | null>;
    }
  | Extract<Rotation, { kind: 'refused' }>;

/**
 * Registration, log-in, refresh and log-out. Refusals are values; it throws AUTH_BUSY,
 * SESSION_STORE_UNAVAILABLE and the database's errors.
 */
@Injectable()
export class AuthService {
  private readonly logins;

  constructor(
    private readonly users: UsersService,
    private readonly passwords: PasswordHasher,
    private readonly sessions: SessionStore,
    private readonly accessTokens: AccessTokenIssuer,
    private readonly logger: Logger,
    metrics: Metrics,
  ) {
    this.logins = metrics.counter({
      name: 'auth_logins_total',
      help: 'Log-ins with e-mail and password by their result',
      labelNames: ['result'],
    });
  }

  /** Nothing is left of a registration that fails: the session, which may be impossible, comes first. */
  async register(
    account: { email: string; password: string; name: string },
    device: SessionDevice,
    origin: AuditOrigin,
  ): Promise<SignIn> {
    const { email, password, name } = account;
    const passwordHash = await this.passwords.hash(password);
    const id = newId();
    const opening = await this.sessions.create(id, device);
    if (opening.kind === 'limit_reached') return { kind: 'session_limit_reached' };
    const refreshToken = opening.issued;
    const registration = await this.users
      .register({ id, email, name, passwordHash }, origin)
      .catch(async (error: unknown) => {
        await this.discard(refreshToken);
        throw error;
      });
    if (registration.kind === 'email_taken') {
      await this.discard(refreshToken);
      return registration;
    }
    return this.signIn(registration.user, refreshToken);
  }

  async logIn(email: string, password: string, device: SessionDevice): Promise<SignIn> {
    const found = await this.users.findByEmail(email);
    const isRight = await this.passwords.verify(password, found?.passwordHash ?? null);
    if (found === null || !isRight) {
      this.logins.inc({ result: 'refused' });
      return { kind: 'credentials_invalid' };
    }
    const opening = await this.sessions.create(found.user.id, device);
    if (opening.kind === 'limit_reached') {
      this.logins.inc({ result: 'session_limit' });
      return { kind: 'session_limit_reached' };
    }
    this.logins.inc({ result: 'accepted' });
    return this.signIn(found.user, opening.issued);
  }

  /**
   * Exchanges the refresh token. The new one is in the caller's hands before anything else can fail,
   * and must reach the client even then: the old one is used up. `signIn` makes the access token; null
   * when the account is gone, with which the session ends.
   */
  async refresh(token: string): Promise<Refresh> {
    const rotation = await this.sessions.rotate(token);
    if (rotation.kind === 'refused') {
      if (rotation.reason === 'reused') {
        this.logger.warn({}, 'a refresh token came a second time; its session was revoked');
      }
      return rotation;
    }
    const { issued } = rotation;
    return {
      kind: 'exchanged',
      refreshToken: issued,
      signIn: async () => {
        const user = await this.users.findById(issued.subject);
        if (user !== null) return this.toSignedIn(user, issued);
        await this.sessions.revoke(issued.token);
        return null;
      },
    };
  }

  /** Ends the session of the token and tells whose it was; null when there was none (any more). */
  async logOut(token: string): Promise<string | null> {
    return this.sessions.revoke(token);
  }

  /** Makes sure that an administrator exists; see {@link UsersService.ensureAdmin}. */
  ensureAdmin(account: { email: string; password: string; name: string }): Promise<AdminProvision> {
    const { email, password, name } = account;
    return this.users.ensureAdmin({ email, name, hashPassword: () => this.passwords.hash(password) });
  }

  private async signIn(user: User, refreshToken: IssuedToken): Promise<SignIn> {
    return { kind: 'signed_in', signedIn: await this.toSignedIn(user, refreshToken), refreshToken };
  }

  private async toSignedIn(user: User, session: IssuedToken): Promise<SignedIn> {
    const { token, expiresInSeconds } = await this.accessTokens.issue(user, session);
    return { user, accessToken: token, expiresInSeconds };
  }

  /** Nobody has seen the token, so one that cannot be revoked now only waits for its expiry. */
  private async discard({ token }: IssuedToken): Promise<void> {
    await this.sessions.revoke(token).catch((error: unknown) => {
      this.logger.debug({ reason: String(error) }, 'an unused session stays until it expires');
    });
  }
}
