export { SignInHooks, type SigningIn } from './sign-in-hooks.js';
export { SignInModule } from './sign-in.module.js';
