// place: libs/telemetry/src/tracing
// refused by: nothing
import { trace } from '@opentelemetry/api';
export const tracer = trace.getTracer('telemetry');
