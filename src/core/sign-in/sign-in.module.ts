import { Global, Module } from '@nestjs/common';
import { SignInHooks } from './sign-in-hooks.js';

@Global()
@Module({ providers: [SignInHooks], exports: [SignInHooks] })
export class SignInModule {}
