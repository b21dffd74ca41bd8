import type { AppConfig } from '../../config/index.js';
import type { Tracing } from './tracing.js';

let active: Tracing | null = null;

/** The tracing of this process; null when it is off. Settled before the application is wired. */
export function activeTracing(): Tracing | null {
  return active;
}

/** Loads and starts tracing if the configuration asks for it. Once per process: spans follow its context. */
export async function startTracing({ env }: AppConfig): Promise<Tracing | null> {
  if (active !== null || !env.FEATURE_TRACING || env.OTEL_EXPORTER_OTLP_ENDPOINT === '') return active;
  const { OtlpTracing } = await import('./otlp-tracing.js');
  active = new OtlpTracing({
    endpoint: env.OTEL_EXPORTER_OTLP_ENDPOINT,
    headers: parseHeaders(env.OTEL_EXPORTER_OTLP_HEADERS),
    sampleRatio: env.OTEL_TRACES_SAMPLER_ARG,
    serviceName: env.OTEL_SERVICE_NAME,
  });
  return active;
}

/** `name=value,name=value`, values percent-encoded, as OpenTelemetry has it. */
function parseHeaders(text: string): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const entry of text.split(',')) {
    const at = entry.indexOf('=');
    if (at > 0) headers[entry.slice(0, at).trim()] = decodeURIComponent(entry.slice(at + 1).trim());
  }
  return headers;
}
