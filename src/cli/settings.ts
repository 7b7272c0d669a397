import { loadConfig, unknownSettings, type Config } from '../config/config.ts';
import type { CliContext } from './context.ts';

/** The settings of the environment; misspelt names are said, not refused: a platform may set its own. */
export function configFrom(context: CliContext): Config {
  for (const { name, meant } of unknownSettings(context.env)) {
    if (meant) context.err(`warning: ${name} is no setting of clipmill: did you mean ${meant}?\n`);
  }
  return loadConfig(context.env);
}
