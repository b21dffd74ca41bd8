// @ts-check
// npm run rehearse:overlays
// The stack as a host has it that tries releases, with its logs in Loki and its traces in Jaeger, then with Traefik in the
// place of nginx: the overlays staging, logging, tracing and traefik of docker-compose.production.yml, used over HTTPS.
// Engine, images, timeline and exit codes as of rehearse:compose.
import { join } from 'node:path';
import { rehearse } from '../rehearsal/cache.mjs';
import { rehearseLogging } from '../rehearsal/compose/logging.mjs';
import { openStage } from '../rehearsal/compose/stage.mjs';
import { rehearseStaging } from '../rehearsal/compose/staging.mjs';
import { rehearseTracing } from '../rehearsal/compose/tracing.mjs';
import { rehearseTraefik } from '../rehearsal/compose/traefik.mjs';

const DEADLINE_MS = 2_400_000;

await rehearse('overlays', { deadlineMs: DEADLINE_MS }, async (rehearsal) => {
  const stage = await openStage(rehearsal, {
    name: 'caudal-overlays',
    overlays: ['staging', 'logging', 'tracing'],
    settings: async ({ docker }) => ({
      DOCKER_CONTAINERS_DIR: join(await docker('info', '--format', '{{.DockerRootDir}}'), 'containers'),
      // So that all that is done here is found.
      OTEL_TRACES_SAMPLER_ARG: '1',
    }),
  });
  await rehearseStaging(stage);
  await rehearseTracing(stage);
  await rehearseLogging(stage);
  await rehearseTraefik(stage);
});
