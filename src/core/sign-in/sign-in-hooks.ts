import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Logger } from '../../infrastructure/logging/index.js';

/** Somebody who has just proven who they are, by registering or logging in, and the request they did it with. */
export interface SigningIn {
  readonly userId: string;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

/**
 * What is done for a visitor who becomes a user, before the answer is sent: it takes along what the request
 * says of the visitor. Those who register here come after auth in the order of the modules, which does not
 * know them. Every hook is run, all at once; one that fails is logged, and the sign-in succeeds without it,
 * so it must be possible to make up for it later. No hook runs for a refusal or for a refresh.
 */
@Injectable()
export class SignInHooks {
  private readonly hooks = new Map<string, (signingIn: SigningIn) => Promise<void>>();

  constructor(private readonly logger: Logger) {}

  /** @throws Error when the name is taken. */
  register(name: string, hook: (signingIn: SigningIn) => Promise<void>): void {
    if (this.hooks.has(name)) throw new Error(`the sign-in hook ${name} is registered twice`);
    this.hooks.set(name, hook);
  }

  /** Resolves when every hook has ended. Never rejects. */
  async run(signingIn: SigningIn): Promise<void> {
    await Promise.all(
      [...this.hooks].map(async ([hook, run]) => {
        try {
          await run(signingIn);
        } catch (error) {
          this.logger.warn({ hook, reason: String(error) }, 'a sign-in went on without one of its hooks');
        }
      }),
    );
  }
}
