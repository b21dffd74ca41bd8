import { readFileSync } from 'node:fs';
import { releaseOf } from './go-tools.mjs';

/** What a stand-in is built from, and the overlay that names the image which it stands in for. */
const BUILT = [
  ['loki', 'compose.logging.yml', 'docker.io/grafana/loki'],
  ['otelcol', 'compose.logging.yml', 'docker.io/otel/opentelemetry-collector-contrib'],
  ['jaeger', 'compose.tracing.yml', 'docker.io/jaegertracing/jaeger'],
  ['traefik', 'compose.traefik.yml', 'docker.io/library/traefik'],
] as const;

describe('programs that a rehearsal builds in the place of an image', () => {
  it.each(BUILT)('are of the version that is shipped: %s', (tool, overlay, image) => {
    const text = readFileSync(`deployment/docker/${overlay}`, 'utf8');
    const [, tag] = new RegExp(`image: ${image}:v?(\\S+)$`, 'm').exec(text) ?? [];
    expect(releaseOf(tool)).toBe(`v${tag ?? 'nothing'}`);
  });
});
