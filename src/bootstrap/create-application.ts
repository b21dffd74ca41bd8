import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppModule } from '../app.module.js';
import { type Clock, SystemClock } from '../common/clock.js';
import { Problem } from '../common/problem.js';
import type { AppConfig } from '../config/index.js';
import { AccessGuard } from '../core/access-control/index.js';
import { AuditLog } from '../core/audit-log/index.js';
import { ProcessState } from '../core/health/index.js';
import { LoadShedding } from '../core/load-shedding/index.js';
import { RequestLimits } from '../core/rate-limiter/index.js';
import { ShortCuts } from '../core/short-cut/index.js';
import { NestLogger, type ProcessLogger } from '../infrastructure/logging/index.js';
import { Metrics } from '../infrastructure/metrics/index.js';
import { startTracing } from '../infrastructure/tracing/index.js';
import { auditAdminCalls } from './http/admin-audit.js';
import { AllowedMethods } from './http/allowed-methods.js';
import { CrossOriginPolicy } from './http/cross-origin.js';
import { createFastifyAdapter } from './http/fastify-adapter.js';
import { HttpObserver } from './http/http-observer.js';
import { addJsonParser } from './http/json-parser.js';
import { ProblemFilter, sendProblem } from './http/problem.filter.js';
import { RequestDeadlines } from './http/request-deadlines.js';
import { RequestShedding } from './http/request-shedding.js';
import { API_HEADERS } from './http/security-headers.js';
import { endSpan, traceRequests } from './http/request-tracing.js';
import { serveShortCuts } from './http/short-cuts.js';
import { BodyValidationPipe } from './http/validation.js';
import { serveOpenApi } from './openapi.js';

/** The API's prefix; health routes stand outside of it, where probes expect them. */
const API_PREFIX = 'api/v1';

/** The whole application, wired and initialised but not listening. */
export async function createApplication(
  config: AppConfig,
  logger: ProcessLogger,
  clock: Clock = new SystemClock(),
): Promise<NestFastifyApplication> {
  // Before anything asks whether there is one.
  const tracing = await startTracing(config);
  const app = await NestFactory.create<NestFastifyApplication>(
    AppModule.forRoot(config, logger, clock),
    createFastifyAdapter(config),
    { logger: new NestLogger(logger), bodyParser: false, abortOnError: false },
  );
  const fastify = app.getHttpAdapter().getInstance();
  const state = app.get(ProcessState);
  const observer = new HttpObserver(config.env.ACCESS_LOG, logger, app.get(Metrics));

  const crossOrigin = new CrossOriginPolicy(config.env.PUBLIC_ORIGINS);
  const deadlines = app.get(RequestDeadlines);
  const allowedMethods = new AllowedMethods();
  const shedding = config.env.FEATURE_LOAD_SHEDDING
    ? new RequestShedding(app.get(LoadShedding), crossOrigin)
    : null;

  addJsonParser(fastify);
  deadlines.attach(fastify, (reply) => {
    shedding?.end(reply, reply.elapsedTime);
    endSpan(reply);
  });
  allowedMethods.learnFrom(fastify);
  shedding?.attach(fastify);
  fastify.addHook('onRequest', (request, reply, done) => {
    if (shedding?.refuse(request, reply) === true) return;
    deadlines.begin(reply);
    reply.headers(API_HEADERS);
    reply.header('x-request-id', request.id);
    if (state.isDraining) reply.header('Connection', 'close');
    // No text of ours holds a NUL, and PostgreSQL refuses one: stop it at the door.
    if (request.raw.url?.includes('%00') === true) {
      sendProblem(
        reply,
        new Problem('REQUEST_MALFORMED', { detail: 'The URI contains a NUL byte.' }),
        request.id,
      );
      return;
    }
    if (!crossOrigin.apply(request, reply) && !allowedMethods.refuse(request, reply)) done();
  });
  fastify.addHook('onResponse', (request, reply, done) => {
    const elapsedMs = reply.elapsedTime;
    shedding?.end(reply, elapsedMs);
    deadlines.end(reply);
    observer.observe(request, reply, elapsedMs);
    done();
  });

  if (tracing !== null) {
    tracing.expose(app.get(Metrics));
    traceRequests(fastify, tracing);
  }

  auditAdminCalls(fastify, app.get(AuditLog));
  const problems = new ProblemFilter(logger);
  serveShortCuts(fastify, app.get(ShortCuts), {
    access: app.get(AccessGuard),
    limiter: app.get(RequestLimits),
    problems,
  });
  app.setGlobalPrefix(API_PREFIX, {
    exclude: ['health', 'health/live', 'health/ready', 'health/startup', '.well-known/jwks.json'],
  });
  app.useGlobalPipes(new BodyValidationPipe());
  app.useGlobalFilters(problems);
  serveOpenApi(app);
  await app.init();
  await fastify.ready();
  return app;
}
