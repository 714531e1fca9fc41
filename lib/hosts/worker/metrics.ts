/** Names of what workers measure, beside what tasks do. Labels are pipeline and stage. */
export const workerMetrics = {
  /** Milliseconds until a task that was given to this worker was in memory; `how`: `same`, `since` (caught up) or `loaded`. */
  takeOver: 'millrace.worker.take_over.time',
  /** Steps that failed for their dependencies, or by a defect. */
  failures: 'millrace.worker.failures',
  /** Tasks of this worker, by `state`. */
  tasks: 'millrace.worker.tasks',
  /** 1 while the pump is this worker's duty. */
  pump: 'millrace.worker.pump',
} as const;
