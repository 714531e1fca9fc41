/** Names of what a stage's function measures beside what tasks do. Labels are pipeline and stage. */
export const stageMetrics = {
  /** Steps that failed for their dependencies, or by a defect. */
  failures: 'millrace.steps.failed',
  /** Deliveries that found nobody to take them: the code is not the run's, or the run has no such task. */
  untaken: 'millrace.deliveries.untaken',
  /** Pieces of the author's middleware that threw. */
  middleware: 'millrace.middleware.failed',
} as const;
