import type { Account } from './account.ts';
import type { FaultInjector, Faults } from './faults.ts';
import type { SimulatorSettings } from './options.ts';
import type { Prompts } from './task.ts';
import type { Recorder } from './recorder.ts';
import type { Replier } from './reply.ts';
import type { SignedUrls } from './signed-urls.ts';
import type { Tasks } from './tasks.ts';
import type { Timeline } from './timeline.ts';

/** The parts of a simulator; each picks those that it uses. */
export interface SimulatorContext {
  readonly settings: SimulatorSettings;
  /** Milliseconds since the simulator's epoch, monotonic. */
  readonly timeline: Timeline;
  /** Unix time of the epoch in ms. */
  readonly unixBase: number;
  /** Changed in place: every holder has the current values. */
  readonly faults: Faults;
  readonly injector: FaultInjector;
  readonly account: Account;
  readonly prompts: Prompts;
  readonly tasks: Tasks;
  readonly urls: SignedUrls;
  readonly recorder: Recorder;
  readonly replier: Replier;
}
