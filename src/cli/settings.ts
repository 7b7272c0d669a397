import { loadConfig, unknownSettings, type Config } from '../config/config.ts';
import type { Io } from './context.ts';

/** The settings of the environment; misspelt names are said, not refused: a platform may set its own. */
export function configFrom(io: Io): Config {
  for (const { name, meant } of unknownSettings(io.env)) {
    if (meant) io.err(`warning: ${name} is no setting of clipmill: did you mean ${meant}?\n`);
  }
  return loadConfig(io.env);
}
