import { Body, Controller, Header, HttpCode, Post, Req, Res } from '@nestjs/common';
import {
  ApiCookieAuth,
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiResponse,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Problem } from '../../common/problem.js';
import { Anonymous } from '../../core/access-control/index.js';
import { auditOriginOf } from '../../core/audit-log/index.js';
import { CheckOrigin } from '../../core/origin-check/index.js';
import { AccountAttempts, RateLimit } from '../../core/rate-limiter/index.js';
import { describeDevice, type SessionDevice } from '../../core/session/index.js';
import { SignInHooks } from '../../core/sign-in/index.js';
import { AuthAudit } from './auth-audit.js';
import { AuthService, type SignIn } from './auth.service.js';
import { LoginRequest, RegisterRequest } from './credentials.dto.js';
import { clearRefreshCookie, readRefreshCookie, setRefreshCookie } from './refresh-cookie.js';
import { SignedInResponse } from './signed-in.dto.js';

const TAKES_CART_ALONG =
  'What the cookie or the Cart-Token of a guest names goes into the cart of the account.';

/**
 * The access token is in the body, the refresh token only in a cookie that scripts cannot read. Every
 * route here sets or uses that cookie, so each checks Origin: log-in as well, or another site could
 * sign a visitor in to an account of its own.
 */
@ApiTags('auth')
@Anonymous()
@CheckOrigin()
@Controller('auth')
export class AuthController {
  constructor(
    private readonly auth: AuthService,
    private readonly hooks: SignInHooks,
    private readonly attempts: AccountAttempts,
    private readonly audit: AuthAudit,
  ) {}

  @Post('register')
  @RateLimit('auth', 'registration')
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'Open an account and sign in', description: TAKES_CART_ALONG })
  @ApiCreatedResponse({ type: SignedInResponse, description: 'Signed in; sets the refresh cookie.' })
  @ApiResponse({ status: 409, description: 'EMAIL_TAKEN' })
  @ApiResponse({ status: 503, description: 'AUTH_BUSY, SESSION_STORE_UNAVAILABLE, DATABASE_UNAVAILABLE' })
  async register(
    @Body() body: RegisterRequest,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SignedInResponse> {
    const signIn = await this.auth.register(body, deviceOf(request), auditOriginOf(request));
    if (signIn.kind === 'email_taken') await this.audit.registrationRefused(request, body.email);
    return this.complete(signIn, request, reply);
  }

  @Post('login')
  @HttpCode(200)
  @RateLimit('auth', 'login', 'login-account', 'login-account-day')
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'Sign in with e-mail and password', description: TAKES_CART_ALONG })
  @ApiOkResponse({ type: SignedInResponse, description: 'Signed in; sets the refresh cookie.' })
  @ApiResponse({ status: 401, description: 'CREDENTIALS_INVALID' })
  @ApiResponse({ status: 409, description: 'SESSION_LIMIT_REACHED' })
  @ApiResponse({ status: 503, description: 'AUTH_BUSY, SESSION_STORE_UNAVAILABLE, DATABASE_UNAVAILABLE' })
  async login(
    @Body() body: LoginRequest,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SignedInResponse> {
    const signIn = await this.auth.logIn(body.email, body.password, deviceOf(request));
    if (signIn.kind === 'signed_in') {
      await this.attempts.loggedIn(body.email, request.ip);
      await this.audit.loggedIn(request, signIn.signedIn.user.id);
    } else if (signIn.kind === 'credentials_invalid') {
      await this.audit.loginRefused(request, body.email);
    }
    return this.complete(signIn, request, reply);
  }

  @Post('refresh')
  @HttpCode(200)
  @RateLimit('auth')
  @Header('Cache-Control', 'no-store')
  @ApiCookieAuth()
  @ApiOperation({
    summary: 'Exchange the refresh cookie for a new one and an access token',
    description:
      'Each refresh token works once. A second use ends the session, also of whoever used it first: send one refresh at a time.',
  })
  @ApiOkResponse({ type: SignedInResponse, description: 'Signed in; replaces the refresh cookie.' })
  @ApiResponse({ status: 401, description: 'REFRESH_TOKEN_INVALID' })
  @ApiResponse({ status: 403, description: 'ORIGIN_NOT_ALLOWED' })
  @ApiResponse({
    status: 503,
    description:
      'SESSION_STORE_UNAVAILABLE, SESSION_REGION_UNAVAILABLE (the cookie is kept), DATABASE_UNAVAILABLE',
  })
  async refresh(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SignedInResponse> {
    const refresh = await this.auth.refresh(readRefreshCookie(request));
    if (refresh.kind === 'exchanged') {
      // Before the database is asked: when that fails, the problem carries the new cookie.
      setRefreshCookie(reply, refresh.refreshToken);
      const signedIn = await refresh.signIn();
      if (signedIn !== null) return new SignedInResponse(signedIn);
    }
    clearRefreshCookie(reply);
    if (refresh.kind === 'refused') await this.audit.refreshRefused(request, refresh);
    throw new Problem('REFRESH_TOKEN_INVALID');
  }

  @Post('logout')
  @HttpCode(204)
  @ApiCookieAuth()
  @ApiOperation({
    summary: 'End the session of the refresh cookie',
    description: 'Also without a cookie. Its access tokens are refused by every process within moments.',
  })
  @ApiNoContentResponse({ description: 'There is no session (any more); removes the refresh cookie.' })
  @ApiResponse({ status: 403, description: 'ORIGIN_NOT_ALLOWED' })
  @ApiResponse({
    status: 503,
    description: 'SESSION_STORE_UNAVAILABLE, SESSION_REGION_UNAVAILABLE; the cookie is kept for a retry',
  })
  async logout(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<void> {
    const userId = await this.auth.logOut(readRefreshCookie(request));
    if (userId !== null) await this.audit.loggedOut(request, userId);
    clearRefreshCookie(reply);
  }

  private async complete(
    signIn: SignIn,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<SignedInResponse> {
    const response = toResponse(signIn, reply);
    await this.hooks.run({ userId: response.user.id, request, reply });
    return response;
  }
}

function deviceOf(request: FastifyRequest): SessionDevice {
  return describeDevice(request.headers['user-agent'], request.ip);
}

function toResponse(signIn: SignIn, reply: FastifyReply): SignedInResponse {
  switch (signIn.kind) {
    case 'email_taken':
      throw new Problem('EMAIL_TAKEN');
    case 'credentials_invalid':
      throw new Problem('CREDENTIALS_INVALID');
    case 'session_limit_reached':
      throw new Problem('SESSION_LIMIT_REACHED');
    case 'signed_in':
      setRefreshCookie(reply, signIn.refreshToken);
      return new SignedInResponse(signIn.signedIn);
  }
}
