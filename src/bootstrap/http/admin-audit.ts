import type { FastifyInstance, onResponseHookHandler } from 'fastify';
import { auditedBy, type AuditLog } from '../../core/audit-log/index.js';

const ADMIN_PATH = /\/admin\//;
const READING = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Records every call of an administrative route that may change something, whoever made it and whatever
 * came of it: also the ones that were refused, and those whose module records nothing by itself. A hook of
 * these routes alone: one for all would be asked at every request.
 *
 * Call it before the routes are registered.
 */
export function auditAdminCalls(fastify: FastifyInstance, audit: AuditLog): void {
  fastify.addHook('onRoute', (route) => {
    const methods = [route.method].flat();
    if (!ADMIN_PATH.test(route.url) || methods.every((method) => READING.has(method))) return;
    const record: onResponseHookHandler = (request, reply, done) => {
      void audit.record({
        class: 'security',
        ...auditedBy(request),
        action: 'admin.called',
        resource: `route:${request.method}:${route.url}`,
        after: { status: reply.statusCode, params: request.params },
      });
      done();
    };
    route.onResponse = [...[route.onResponse ?? []].flat(), record];
  });
}
