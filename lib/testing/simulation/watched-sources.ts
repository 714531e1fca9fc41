import { type TaskId, taskName } from '../../model/index.ts';
import type { RunRecord } from '../../protocol/index.ts';
import { SourceWatch, type Task, type TaskPorts, WatchedSource } from '../../runtime/index.ts';

/** A process's tasks of sources, with one watch for each stage. */
export class WatchedSources {
  readonly #ports: TaskPorts;
  readonly #record: RunRecord;
  readonly #watches = new Map<string, SourceWatch>();
  readonly #sources = new Map<string, WatchedSource>();

  constructor(ports: TaskPorts, record: RunRecord) {
    this.#ports = ports;
    this.#record = record;
  }

  add(task: Task): void {
    const { stage } = task.id;
    if (task.host.source === undefined) return;
    const watch = this.#watches.get(stage) ?? new SourceWatch(this.#ports, this.#record, stage);
    this.#watches.set(stage, watch);
    this.#sources.set(taskName(task.id), new WatchedSource(task, watch));
  }

  isCurrent(task: TaskId): boolean {
    return this.#sources.get(taskName(task))?.isCurrent ?? true;
  }

  async isHeld(task: Task): Promise<boolean> {
    return (await this.#sources.get(taskName(task.id))?.isHeld()) ?? false;
  }
}
