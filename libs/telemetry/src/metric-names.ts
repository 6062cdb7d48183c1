/**
 * Every metric of the project, once: its name, type, labels and meaning. What is not in this list
 * does not exist; docs/metrics.md is checked against it.
 *
 * `from` says who counts. 'process': the process that exports it; add it up over processes. 'queue':
 * the queue itself, read at each scrape; every process that exports it shows the same figure, so
 * take the largest, never the sum.
 */
export interface MetricSpec {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly from: 'process' | 'queue';
  readonly help: string;
  readonly labels: readonly string[];
  /** Upper bounds; histograms only. */
  readonly buckets?: readonly number[];
}

const SHORT_SECONDS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];
const LONG_SECONDS = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 7_200,
];

export const METRICS = {
  eventsReceived: {
    name: 'pipeline_events_received_total',
    type: 'counter',
    from: 'process',
    help: 'Events received by the collector, refused ones included.',
    labels: [],
  },
  eventsAccepted: {
    name: 'pipeline_events_accepted_total',
    type: 'counter',
    from: 'process',
    help: 'Events acknowledged as durable in the queue, duplicates included.',
    labels: [],
  },
  eventsDuplicate: {
    name: 'pipeline_events_duplicate_total',
    type: 'counter',
    from: 'process',
    help: 'Events of batches that were answered as duplicates and not queued again.',
    labels: [],
  },
  eventsRejected: {
    name: 'pipeline_events_rejected_total',
    type: 'counter',
    from: 'process',
    help: 'Events refused, by reason.',
    labels: ['reason'],
  },
  callsFailed: {
    name: 'pipeline_calls_failed_total',
    type: 'counter',
    from: 'process',
    help: 'Calls of the collector that ended with an error, by the code of docs/errors.md.',
    labels: ['code'],
  },
  eventsProcessed: {
    name: 'pipeline_events_processed_total',
    type: 'counter',
    from: 'process',
    help: 'Events settled as done by this worker.',
    labels: [],
  },
  eventsRetried: {
    name: 'pipeline_events_retried_total',
    type: 'counter',
    from: 'process',
    help: 'Events whose handler failed and which this worker put off for another try.',
    labels: [],
  },
  eventsDeferred: {
    name: 'pipeline_events_deferred_total',
    type: 'counter',
    from: 'process',
    help: 'How often an event was put off untried, since its handler keeps failing.',
    labels: [],
  },
  handlerPaused: {
    name: 'pipeline_handler_paused',
    type: 'gauge',
    from: 'process',
    help: '1 while a handler keeps failing and only single events of it are tried.',
    labels: ['handler'],
  },
  handlerAbandonedCalls: {
    name: 'pipeline_handler_abandoned_calls',
    type: 'gauge',
    from: 'process',
    help: 'Calls of a handler that took too long, are no longer waited for and have not ended.',
    labels: ['handler'],
  },
  eventsDead: {
    name: 'pipeline_events_dead_total',
    type: 'counter',
    from: 'process',
    help: 'Events that this worker moved to the dead letters, by reason.',
    labels: ['reason'],
  },
  earlierEvents: {
    name: 'pipeline_earlier_events_total',
    type: 'counter',
    from: 'process',
    help: 'Events received before this worker started that it settled, by outcome: processed, dead.',
    labels: ['outcome'],
  },
  inFlightEvents: {
    name: 'pipeline_in_flight_events',
    type: 'gauge',
    from: 'process',
    help: 'Events received and not yet answered.',
    labels: [],
  },
  inFlightBytes: {
    name: 'pipeline_in_flight_bytes',
    type: 'gauge',
    from: 'process',
    help: 'Bytes of the events received and not yet answered.',
    labels: [],
  },
  answerBytes: {
    name: 'pipeline_answer_bytes',
    type: 'gauge',
    from: 'process',
    help: 'Memory of answers to streams of batches that were not taken, or are still being made.',
    labels: [],
  },
  connections: {
    name: 'pipeline_connections',
    type: 'gauge',
    from: 'process',
    help: 'Open connections to the gRPC port.',
    labels: [],
  },
  unfinishedBytes: {
    name: 'pipeline_unfinished_message_bytes',
    type: 'gauge',
    from: 'process',
    help: 'Bytes of messages that have not come whole.',
    labels: [],
  },
  limitHits: {
    name: 'pipeline_limit_hits_total',
    type: 'counter',
    from: 'process',
    help: 'Connections and calls that a limit of the gRPC port ended, by limit.',
    labels: ['limit'],
  },
  certificateReloads: {
    name: 'pipeline_certificate_reloads_total',
    type: 'counter',
    from: 'process',
    help: 'How often the certificates of a port have changed, by server (grpc, http) and result: taken, refused.',
    labels: ['server', 'result'],
  },
  certificateExpiry: {
    name: 'pipeline_certificate_expiry_timestamp_seconds',
    type: 'gauge',
    from: 'process',
    help: 'When the certificate that a port shows expires, in seconds since 1970.',
    labels: ['server'],
  },
  tlsHandshakeFailures: {
    name: 'pipeline_tls_handshake_failures_total',
    type: 'counter',
    from: 'process',
    help: 'TLS handshakes that came to nothing: no TLS, a version too old, no certificate that is trusted.',
    labels: ['server'],
  },
  loadShedding: {
    name: 'pipeline_load_shedding',
    type: 'gauge',
    from: 'process',
    help: '1 while new events are refused for the load of the process, by reason: memory, heap, event-loop.',
    labels: ['reason'],
  },
  loadRefused: {
    name: 'pipeline_load_refused_total',
    type: 'counter',
    from: 'process',
    help: 'Calls and waiting streams refused for the load of the process, by reason.',
    labels: ['reason'],
  },
  memoryLimit: {
    name: 'pipeline_memory_limit_bytes',
    type: 'gauge',
    from: 'process',
    help: 'Memory above which new events are refused: resident (memory), and of the old generation (heap).',
    labels: ['kind'],
  },
  loopDelaySeconds: {
    name: 'pipeline_loop_delay_seconds',
    type: 'histogram',
    from: 'process',
    help: 'Longest delay of the event loop in each tenth of a second.',
    labels: [],
    buckets: SHORT_SECONDS,
  },
  queueDataLost: {
    name: 'pipeline_queue_data_lost_total',
    type: 'counter',
    from: 'process',
    help: 'How often this process saw the queue without its data: a server that came back, files that were lost.',
    labels: [],
  },
  leasesLost: {
    name: 'pipeline_leases_lost_total',
    type: 'counter',
    from: 'process',
    help: 'Leases whose outcome the queue refused or did not confirm, by reason.',
    labels: ['reason'],
  },
  leaseEvents: {
    name: 'pipeline_lease_events',
    type: 'histogram',
    from: 'process',
    help: 'Events in one lease.',
    labels: [],
    buckets: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000],
  },
  enqueueSeconds: {
    name: 'pipeline_enqueue_seconds',
    type: 'histogram',
    from: 'process',
    help: 'Time of one enqueue, until the queue has made it durable.',
    labels: [],
    buckets: SHORT_SECONDS,
  },
  ackSeconds: {
    name: 'pipeline_ack_seconds',
    type: 'histogram',
    from: 'process',
    help: 'Time from the receipt of a batch to its acknowledgement.',
    labels: [],
    buckets: SHORT_SECONDS,
  },
  eventsStored: {
    name: 'pipeline_events_stored_total',
    type: 'counter',
    from: 'process',
    help: 'Events that this worker put into the store.',
    labels: [],
  },
  eventsStoredBefore: {
    name: 'pipeline_events_stored_before_total',
    type: 'counter',
    from: 'process',
    help: 'Events that came to the store once more, with the same content; nothing was changed.',
    labels: [],
  },
  storeConflicts: {
    name: 'pipeline_store_conflicts_total',
    type: 'counter',
    from: 'process',
    help: 'Events whose id is stored with other content: the first content stays.',
    labels: [],
  },
  storeExpired: {
    name: 'pipeline_store_expired_total',
    type: 'counter',
    from: 'process',
    help: 'Events that this worker deleted from the store for their age.',
    labels: [],
  },
  storeSeconds: {
    name: 'pipeline_store_seconds',
    type: 'histogram',
    from: 'process',
    help: 'Time until the store has made the events of one lease durable.',
    labels: [],
    buckets: SHORT_SECONDS,
  },
  storeFailures: {
    name: 'pipeline_store_failures_total',
    type: 'counter',
    from: 'process',
    help: 'Calls of the store that failed since it was out of reach; each is repeated.',
    labels: [],
  },
  storeOutage: {
    name: 'pipeline_store_outage',
    type: 'gauge',
    from: 'process',
    help: '1 while the store is out of reach and this worker takes no further events.',
    labels: [],
  },
  endToEndSeconds: {
    name: 'pipeline_end_to_end_seconds',
    type: 'histogram',
    from: 'process',
    help: 'Time from the receipt of an event to the end of its processing.',
    labels: [],
    buckets: LONG_SECONDS,
  },
  eventsEnqueued: {
    name: 'pipeline_events_enqueued_total',
    type: 'counter',
    from: 'queue',
    help: 'Events ever put into the queue.',
    labels: ['partition'],
  },
  queueProcessed: {
    name: 'pipeline_queue_processed_total',
    type: 'counter',
    from: 'queue',
    help: 'Events of the queue that were settled as done, by all workers ever.',
    labels: ['partition'],
  },
  queuePurged: {
    name: 'pipeline_queue_purged_total',
    type: 'counter',
    from: 'queue',
    help: 'Events that were deleted from the queue on request.',
    labels: ['partition'],
  },
  queueRetried: {
    name: 'pipeline_queue_retried_total',
    type: 'counter',
    from: 'queue',
    help: 'How often an event of the queue went to wait for a retry.',
    labels: ['partition'],
  },
  queueExpiredLeases: {
    name: 'pipeline_queue_expired_leases_total',
    type: 'counter',
    from: 'queue',
    help: 'Leases that ran out and were taken back.',
    labels: ['partition'],
  },
  queueDuplicateBatches: {
    name: 'pipeline_queue_duplicate_batches_total',
    type: 'counter',
    from: 'queue',
    help: 'Batches that the queue answered as duplicates.',
    labels: ['partition'],
  },
  queueEvents: {
    name: 'pipeline_queue_events',
    type: 'gauge',
    from: 'queue',
    help: 'Events in the queue, by state: pending, suspect, leased, delayed, dead.',
    labels: ['partition', 'state'],
  },
  queueLeases: {
    name: 'pipeline_queue_leases',
    type: 'gauge',
    from: 'queue',
    help: 'Leases held.',
    labels: ['partition'],
  },
  queueBytes: {
    name: 'pipeline_queue_bytes',
    type: 'gauge',
    from: 'queue',
    help: 'Bytes of all events in the queue, dead letters included.',
    labels: ['partition'],
  },
  queueOldestEventAge: {
    name: 'pipeline_queue_oldest_event_age_seconds',
    type: 'gauge',
    from: 'queue',
    help: 'How long the pending event that is next in line has waited; 0 when none is pending.',
    labels: ['partition'],
  },
  queueDurability: {
    name: 'pipeline_queue_durability',
    type: 'gauge',
    from: 'queue',
    help: '1 for how far an acknowledged event survives now: disk, bounded-loss, memory, unknown.',
    labels: ['durability'],
  },
  queueSampled: {
    name: 'pipeline_queue_sampled',
    type: 'gauge',
    from: 'process',
    help: '1 when this scrape could read the queue. When it is 0, figures from the queue are absent.',
    labels: [],
  },
} as const satisfies Readonly<Record<string, MetricSpec>>;

export type MetricKey = keyof typeof METRICS;
