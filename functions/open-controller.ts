import { MillraceError } from '../lib/model/index.ts';
import type { Pipeline } from '../lib/pipeline/index.ts';
import { newestCode, newestRun } from '../lib/runtime/index.ts';
import type { ConnectController, ControllerConnections } from './controller-ports.ts';
import { CONTROLLER, type FunctionVersion, functionAt } from './function-versions.ts';
import { Gauges } from './gauges.ts';
import { Pump } from './pump.ts';
import type { Settings } from './settings.ts';

/** What the controller's function keeps between its calls: connections, and the run once it could be opened. */
export class OpenController {
  readonly pipeline: Pipeline;
  readonly settings: Settings;
  readonly #connect: ConnectController;
  #connections: Promise<ControllerConnections> | undefined;
  #pump: Promise<Pump> | undefined;
  #gauges: Gauges | undefined;

  constructor(pipeline: Pipeline, settings: Settings, connect: ConnectController) {
    this.pipeline = pipeline;
    this.settings = settings;
    this.#connect = connect;
  }

  /** Connects at the first call, and again where that failed. Throws `incompatible` for code that was deployed for another pipeline. */
  connections(): Promise<ControllerConnections> {
    refuseOther(this.pipeline, this.settings);
    this.#connections ??= this.#connect(this.settings).catch((error: unknown) => {
      this.#connections = undefined;
      throw error;
    });
    return this.#connections;
  }

  async gauges(): Promise<Gauges> {
    const { telemetry } = (await this.connections()).ports;
    this.#gauges ??= new Gauges(telemetry, this.pipeline.name);
    return this.#gauges;
  }

  /** Opens the run at the first call, and again where that failed or was forgotten. Throws what `openRun` throws. */
  pump(): Promise<Pump> {
    this.#pump ??= this.#openPump().catch((error: unknown) => {
      this.#pump = undefined;
      throw error;
    });
    return this.#pump;
  }

  async #openPump(): Promise<Pump> {
    return Pump.open(this.pipeline, this.settings, await this.connections());
  }

  /** Whatever was opened is looked at anew. */
  async forget(): Promise<void> {
    const pump = this.#pump;
    this.#pump = undefined;
    await pump?.then(({ open }) => open.close()).catch(() => {});
  }

  /** The version of the controller that brought the newest code, where that is another than this one. */
  async newest(): Promise<FunctionVersion | undefined> {
    const { commits } = (await this.connections()).ports;
    const { self } = this.settings;
    const run = await newestRun(commits, this.pipeline.name);
    if (run === undefined || self === undefined) return undefined;
    const { version, by } = await newestCode(commits, run);
    const brought = by === undefined ? undefined : { function: self.function, version: String(by) };
    const found = (await functionAt(commits, run, CONTROLLER, version)) ?? brought;
    return found?.version === self.version ? undefined : found;
  }
}

function refuseOther({ name }: Pipeline, { pipeline }: Settings): void {
  if (name === pipeline) return;
  throw new MillraceError('incompatible', `the function is deployed for pipeline ${pipeline} and holds ${name}`, {
    hint: 'deploy code and settings together',
  });
}
