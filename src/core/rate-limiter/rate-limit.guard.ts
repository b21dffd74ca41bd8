import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { RequestLimits } from './request-limits.js';

/** The limits by client and by account; it stands in front of authentication. */
@Injectable()
export class ClientRateLimitGuard implements CanActivate {
  constructor(private readonly limits: RequestLimits) {}

  canActivate(context: ExecutionContext): true | Promise<true> {
    return this.limits.admitClient(context);
  }
}

/** The limits by user; it stands behind authentication. */
@Injectable()
export class UserRateLimitGuard implements CanActivate {
  constructor(private readonly limits: RequestLimits) {}

  canActivate(context: ExecutionContext): true | Promise<true> {
    return this.limits.admitUser(context);
  }
}
