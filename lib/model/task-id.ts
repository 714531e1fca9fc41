/** A task is one stage at one partition: the owner of state, the unit of commit and of fencing. */
export interface TaskId {
  readonly stage: string;
  readonly partition: number;
}

/** `stage/partition`, for names and messages. */
export const taskName = (task: TaskId): string => `${task.stage}/${task.partition}`;
