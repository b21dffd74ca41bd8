import { bool, str } from 'envalid';
import { ratio } from './validators.js';

/** Traces; names of OpenTelemetry where it has one. */
export const TRACING = {
  FEATURE_TRACING: bool({
    default: true,
    desc: 'Traces, when OTEL_EXPORTER_OTLP_ENDPOINT says where to.',
  }),
  OTEL_EXPORTER_OTLP_ENDPOINT: str({
    default: '',
    desc: 'Base URL of an OpenTelemetry collector (OTLP over HTTP, `/v1/traces` is added); empty: no traces.',
  }),
  OTEL_EXPORTER_OTLP_HEADERS: str({
    default: '',
    desc: 'Headers for the collector: `name=value`, comma separated, values percent-encoded.',
  }),
  OTEL_TRACES_SAMPLER_ARG: ratio({
    default: 0.1,
    desc: 'Share of the traces that begin here and are recorded; that of a caller is as the caller says.',
  }),
  OTEL_SERVICE_NAME: str({ default: 'caudal', desc: 'Name of the service in its traces.' }),
};
