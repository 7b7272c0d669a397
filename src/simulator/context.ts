import type { Account } from './account.ts';
import type { FaultInjector, Faults } from './faults.ts';
import type { SimulatorSettings } from './options.ts';
import type { Prompts } from './task.ts';
import type { Recorder } from './recorder.ts';
import type { Replier } from './reply.ts';
import type { SignedUrls } from './signed-urls.ts';
import type { Tasks } from './tasks.ts';
import type { Timeline } from './timeline.ts';

/** The parts of a simulator. Each part picks those that it uses. */
export interface SimulatorContext {
  readonly settings: SimulatorSettings;
  /** Monotonic time, in milliseconds since the epoch of the simulator. */
  readonly timeline: Timeline;
  /** Unix time of that epoch, in milliseconds. */
  readonly unixBase: number;
  /** Changed in place, so that every part has the current values. */
  readonly faults: Faults;
  readonly injector: FaultInjector;
  readonly account: Account;
  readonly prompts: Prompts;
  readonly tasks: Tasks;
  readonly urls: SignedUrls;
  readonly recorder: Recorder;
  readonly replier: Replier;
}
