export { AppConfig, ConfigurationError, loadConfig, type FieldKey, type Secrets } from './app-config.js';
export { ConfigModule } from './config.module.js';
export { type AccessLogPolicy, type LogLevel, REGION_NAME, type Role } from './environment.js';
export { parseRedisUrl, type RedisNode, type RedisTarget } from './redis-url.js';
