export { SessionModule } from './session.module.js';
export { type IssuedToken, type Rotation, type RotationRefusal, SessionStore } from './session-store.js';
export { SessionStoreUnavailable } from './session.errors.js';
