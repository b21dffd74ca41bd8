import { Global, Module } from '@nestjs/common';
import { AccessTokenVerifier } from '../../core/access-control/index.js';
import { SessionModule } from '../../core/session/index.js';
import { UsersModule } from '../users/index.js';
import { AccessTokenIssuer } from './access-token-issuer.js';
import { AccessTokenStrategy } from './access-token.strategy.js';
import { AdminSessionsController } from './admin-sessions.controller.js';
import { AuthAudit } from './auth-audit.js';
import { AuthController } from './auth.controller.js';
import { AuthService } from './auth.service.js';
import { CachingAccessTokenVerifier } from './caching-access-token-verifier.js';
import { JwksController } from './jwks.controller.js';
import { MeController } from './me.controller.js';
import { PasswordHasher } from './password-hasher.js';
import { SessionsController } from './sessions.controller.js';
import { SigningKeys } from './signing-keys.js';

/** Global for the sake of the one guard of all routes, which needs the verifier. */
@Global()
@Module({
  imports: [SessionModule, UsersModule],
  controllers: [AuthController, MeController, SessionsController, AdminSessionsController, JwksController],
  providers: [
    SigningKeys,
    AccessTokenIssuer,
    AccessTokenStrategy,
    { provide: AccessTokenVerifier, useClass: CachingAccessTokenVerifier },
    PasswordHasher,
    AuthService,
    AuthAudit,
  ],
  exports: [AccessTokenVerifier, AuthService],
})
export class AuthModule {}
