/** Names of what the controller measures, with the labels pipeline and stage only. Each is said while it is not zero, and once when it has become zero. */
export const controllerMetrics = {
  /** Tasks that have stopped and need somebody. */
  stopped: 'millrace.tasks.stopped',
  /** Tasks with a backlog that have not got on for minutes. */
  lagging: 'millrace.tasks.lagging',
  /** Tasks that have not come to their stage's newest code for longer than it should take. */
  switching: 'millrace.tasks.at_older_code',
  /** Rounds of the controller that failed; pipeline only. */
  failures: 'millrace.controller.failures',
  /** 1 while the code that was deployed cannot go on from the run's state, so that older code does; pipeline only. */
  refused: 'millrace.code.refused',
} as const;
