import type { onRequestHookHandler } from 'fastify';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { PAGE_HEADERS } from './http/security-headers.js';

function buildOpenApiDocument(app: NestFastifyApplication): OpenAPIObject {
  const description = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Caudal')
    .setDescription(
      'A commerce backend that keeps selling through a flash sale. Errors are RFC 9457 problem documents with a stable `code`.',
    )
    .setVersion('1.0.0')
    .addBearerAuth()
    .build();
  return SwaggerModule.createDocument(app, description);
}

/** The document at /api/v1/openapi.json and a page that browses it at /docs. */
export function serveOpenApi(app: NestFastifyApplication): void {
  const fastify = app.getHttpAdapter().getInstance();
  // A hook of these routes alone: one for all would be asked at every request.
  fastify.addHook('onRoute', (route) => {
    if (!route.url.startsWith('/docs')) return;
    const addHeaders: onRequestHookHandler = (_request, reply, done) => {
      reply.headers(PAGE_HEADERS);
      done();
    };
    route.onRequest = [...[route.onRequest ?? []].flat(), addHeaders];
  });
  SwaggerModule.setup('docs', app, () => buildOpenApiDocument(app), {
    jsonDocumentUrl: 'api/v1/openapi.json',
    customSiteTitle: 'Caudal API',
  });
}
