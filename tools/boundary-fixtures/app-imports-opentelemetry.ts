// place: apps/collector/src
// refused by: @typescript-eslint/no-restricted-imports pathWithCustomMessage
import { trace } from '@opentelemetry/api';
export const tracer = trace.getTracer('collector');
