// What the dashboard shows, row by row. `$__rate_interval` is Grafana's own: long enough for a rate, at
// any zoom. Figures of the queue are the same on every process: the largest counts, never the sum.

const rate = (metric) => `rate(${metric}[$__rate_interval])`;
const total = (metric, by = '') => `sum${by && ` by (${by})`}(${rate(metric)})`;
/** Of a counter that the queue keeps, for each partition. */
const queueRate = (metric) => `sum(max by (partition) (${rate(metric)}))`;
const quantile = (q, metric) =>
  `histogram_quantile(${q}, sum by (le) (${rate(`${metric}_bucket`)}))`;
const mean = (metric) => `${total(`${metric}_sum`)} / ${total(`${metric}_count`)}`;

const quantiles = (metric) => [
  [quantile(0.5, metric), 'half are within'],
  [quantile(0.95, metric), '95 %'],
  [quantile(0.99, metric), '99 %'],
];

const panel = (title, unit, queries, description = '') => ({ title, unit, queries, description });

/** A query is `[expression, legend]`. Units are Grafana's names of them. */
export const ROWS = [
  {
    title: 'Intake',
    panels: [
      panel('Events', 'cps', [
        [total('pipeline_events_received_total'), 'received'],
        [total('pipeline_events_accepted_total'), 'acknowledged'],
        [total('pipeline_events_duplicate_total'), 'of these, duplicates'],
        [total('pipeline_events_rejected_total'), 'rejected'],
      ]),
      panel('Rejected events', 'cps', [
        [total('pipeline_events_rejected_total', 'reason'), '{{reason}}'],
      ]),
      panel('Callers that were not let in', 'cps', [
        [total('pipeline_auth_failures_total', 'reason'), '{{reason}}'],
      ]),
      panel('Calls above a quota', 'cps', [
        [total('pipeline_quota_refused_total', 'principal'), '{{principal}}'],
      ]),
      panel('Failed calls', 'cps', [[total('pipeline_calls_failed_total', 'code'), '{{code}}']]),
      panel('Events in one enqueue', 'short', [
        [mean('pipeline_enqueue_events'), 'mean'],
        [quantile(0.95, 'pipeline_enqueue_events'), '95 % are within'],
      ]),
      panel('Events in flight', 'short', [
        ['sum by (instance) (pipeline_in_flight_events{job="collector"})', '{{instance}}'],
      ]),
      panel('Bytes in flight', 'bytes', [
        ['sum by (instance) (pipeline_in_flight_bytes{job="collector"})', '{{instance}}'],
        ['sum by (instance) (pipeline_answer_bytes{job="collector"})', '{{instance}} answers'],
        [
          'sum by (instance) (pipeline_unfinished_message_bytes{job="collector"})',
          '{{instance}} unfinished messages',
        ],
      ]),
      panel('Connections', 'short', [
        ['sum by (instance) (pipeline_connections{job="collector"})', '{{instance}}'],
      ]),
      panel('Ended by a limit', 'cps', [
        [total('pipeline_limit_hits_total', 'limit'), '{{limit}}'],
      ]),
      panel('Refused for load', 'cps', [
        [total('pipeline_load_refused_total', 'reason'), '{{reason}}'],
        ['max by (reason) (pipeline_load_shedding)', '{{reason}}: refusing now'],
      ]),
    ],
  },
  {
    title: 'Queue',
    panels: [
      panel('Events', 'short', [
        ['sum by (state) (max by (partition, state) (pipeline_queue_events))', '{{state}}'],
      ]),
      panel('Age of the next event', 's', [
        ['max by (partition) (pipeline_queue_oldest_event_age_seconds)', 'partition {{partition}}'],
      ]),
      panel('In and out', 'cps', [
        [queueRate('pipeline_events_enqueued_total'), 'enqueued'],
        [queueRate('pipeline_queue_processed_total'), 'processed'],
        [queueRate('pipeline_queue_purged_total'), 'purged'],
        [queueRate('pipeline_queue_duplicate_batches_total'), 'duplicate batches'],
      ]),
      panel('Bytes', 'bytes', [
        ['max by (partition) (pipeline_queue_bytes)', 'partition {{partition}}'],
      ]),
      panel('Leases held', 'short', [
        ['max by (partition) (pipeline_queue_leases)', 'partition {{partition}}'],
      ]),
      panel(
        'Events unaccounted for',
        'short',
        [
          [
            'max by (partition) (abs(pipeline:queue_unaccounted:events))',
            'partition {{partition}}',
          ],
        ],
        'Enqueued, less what is there and what went out. 0 at any time.',
      ),
      panel(
        'Durability in force',
        'short',
        [['max by (durability) (pipeline_queue_durability)', '{{durability}}']],
        'Anything but "disk" may lose what was acknowledged.',
      ),
      panel('Queue can be read', 'short', [
        ['min by (job, instance) (pipeline_queue_sampled)', '{{job}} {{instance}}'],
      ]),
      panel('Queue without its data', 'short', [
        [
          'sum by (job) (increase(pipeline_queue_data_lost_total[$__rate_interval]))',
          'seen by {{job}}',
        ],
      ]),
    ],
  },
  {
    title: 'Workers',
    panels: [
      panel('Events processed', 'cps', [
        [total('pipeline_events_processed_total', 'instance'), '{{instance}}'],
      ]),
      panel('Events stored', 'cps', [
        [total('pipeline_events_stored_total'), 'stored'],
        [total('pipeline_events_stored_before_total'), 'stored before'],
        [total('pipeline_store_expired_total'), 'deleted for their age'],
      ]),
      panel('Events in one lease', 'short', [
        [mean('pipeline_lease_events'), 'mean'],
        [quantile(0.95, 'pipeline_lease_events'), '95 % are within'],
      ]),
      panel('Events in hand', 'short', [
        ['sum by (instance) (pipeline_in_flight_events{job="worker"})', '{{instance}}'],
      ]),
      panel('Bytes in hand', 'bytes', [
        ['sum by (instance) (pipeline_in_flight_bytes{job="worker"})', '{{instance}}'],
      ]),
      panel(
        'Events of before a worker started',
        'cps',
        [[total('pipeline_earlier_events_total', 'outcome'), '{{outcome}}']],
        'What a restart, or an outage of all workers, had left behind.',
      ),
    ],
  },
  {
    title: 'Failures',
    panels: [
      panel('Retried and put off', 'cps', [
        [total('pipeline_events_retried_total'), 'retried'],
        [total('pipeline_events_deferred_total'), 'put off untried'],
        [queueRate('pipeline_queue_retried_total'), 'retried, by the queue'],
      ]),
      panel('New dead letters', 'cps', [
        [total('pipeline_events_dead_total', 'reason'), '{{reason}}'],
      ]),
      panel('Dead letters', 'short', [
        ['sum(max by (partition) (pipeline_queue_events{state="dead"}))', 'in the queue'],
      ]),
      panel('Leases lost', 'cps', [
        [total('pipeline_leases_lost_total', 'reason'), '{{reason}}'],
        [queueRate('pipeline_queue_expired_leases_total'), 'run out, by the queue'],
      ]),
      panel('Handlers', 'short', [
        ['max by (handler) (pipeline_handler_paused)', '{{handler}} is paused'],
        ['sum by (handler) (pipeline_handler_abandoned_calls)', '{{handler}}: calls without end'],
      ]),
      panel('Store', 'short', [
        ['max by (instance) (pipeline_store_outage)', '{{instance}}: out of reach'],
        [total('pipeline_store_failures_total'), 'failed calls a second'],
        [total('pipeline_store_conflicts_total'), 'ids used twice, a second'],
      ]),
    ],
  },
  {
    title: 'Latency',
    panels: [
      panel('Receipt to acknowledgement', 's', quantiles('pipeline_ack_seconds')),
      panel('Receipt to processed', 's', quantiles('pipeline_end_to_end_seconds')),
      panel('One enqueue', 's', quantiles('pipeline_enqueue_seconds')),
      panel('Handling a lease', 's', quantiles('pipeline_handling_seconds')),
      panel('Storing a lease', 's', quantiles('pipeline_store_seconds')),
      panel('Settling a lease', 's', quantiles('pipeline_settle_seconds')),
    ],
  },
  {
    title: 'Processes',
    panels: [
      panel('Answer Prometheus', 'short', [
        ['sum by (job) (up{job=~"collector|worker"})', '{{job}}: do'],
        ['count by (job) (up{job=~"collector|worker"})', '{{job}}: should'],
      ]),
      panel('Processor cores', 'short', [
        [
          `sum by (job, instance) (${rate('process_cpu_seconds_total{job=~"collector|worker"}')})`,
          '{{job}} {{instance}}',
        ],
      ]),
      panel('Delay of the event loop', 's', [
        [
          `histogram_quantile(0.95, sum by (job, instance, le) (${rate('pipeline_loop_delay_seconds_bucket')}))`,
          '{{job}} {{instance}}: 95 %',
        ],
      ]),
      panel('Memory', 'bytes', [
        [
          'max by (job, instance) (process_resident_memory_bytes{job=~"collector|worker"})',
          '{{job}} {{instance}}',
        ],
        [
          'min by (job) (pipeline_memory_limit_bytes{kind="memory"})',
          '{{job}}: refuses events above',
        ],
      ]),
      panel('Heap in use', 'bytes', [
        [
          'max by (job, instance) (nodejs_heap_size_used_bytes{job=~"collector|worker"})',
          '{{job}} {{instance}}',
        ],
      ]),
      panel('Certificates expire in', 's', [
        [
          'min by (job, instance, server) (pipeline_certificate_expiry_timestamp_seconds) - time()',
          '{{job}} {{instance}}: {{server}}',
        ],
      ]),
      panel('New certificates', 'cps', [
        [total('pipeline_certificate_reloads_total', 'server, result'), '{{server}}: {{result}}'],
      ]),
      panel('Failed TLS handshakes', 'cps', [
        [total('pipeline_tls_handshake_failures_total', 'server'), '{{server}}'],
      ]),
      panel('Time in garbage collection', 'percentunit', [
        [
          `sum by (job, instance) (${rate('nodejs_gc_duration_seconds_sum{job=~"collector|worker"}')})`,
          '{{job}} {{instance}}',
        ],
      ]),
    ],
  },
];
