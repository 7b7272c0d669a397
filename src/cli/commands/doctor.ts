import { styleText } from 'node:util';
import type { Command } from 'commander';
import { loadConfig, reportSettings, SettingsError, unknownSettings, type Config } from '../../config/config.ts';
import { startServer } from '../../server/start-server.ts';
import { diagnose } from '../../doctor/diagnose.ts';
import { fail, ok, warn, type Finding } from '../../core/finding.ts';
import { plural } from '../../core/format.ts';
import { EXIT, type CliContext } from '../command-context.ts';
import { DEFAULT_HOME } from '../../redis/locate.ts';

export function addDoctor(program: Command, context: CliContext): void {
  program
    .command('doctor')
    .option('--json', 'print JSON')
    .summary('check Redis, storage, key, clock and limits, with a cure for each problem')
    .description(
      'Checks everything that clipmill depends on: the settings, Redis (version, append-only file, eviction, memory), the ' +
        'storage (writes and removes a probe), the API and its key (one request, which costs nothing), the clock, ' +
        'the limits in force, and callbacks (sends one to CLIPMILL_CALLBACK_URL). Exits with 1 if a check fails, and with ' +
        '0 if there are only warnings or none.',
    )
    .action(async (options: { json?: true }) => {
      const findings: Finding[] = [];
      for await (const finding of examine(context)) {
        findings.push(finding);
        if (!options.json) context.out(formatFinding(finding));
      }
      context.out(
        options.json
          ? `${JSON.stringify({ ok: count(findings, 'fail') === 0, findings }, null, 2)}\n`
          : summary(findings),
      );
      context.exit(count(findings, 'fail') > 0 ? EXIT.incomplete : EXIT.ok);
    });
}

async function* examine(context: CliContext): AsyncGenerator<Finding> {
  for (const { name, meant } of unknownSettings(context.env)) {
    const cure = meant ? `Did you mean ${meant}?` : 'See `clipmill config` for every setting.';
    yield warn('settings', `${name} is not a setting of clipmill`, cure);
  }
  let config: Config;
  try {
    config = loadConfig(context.env);
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    yield* error.message.split('\n').map((message) => fail('settings', message, error.cure ?? ''));
    return;
  }
  const set = reportSettings(context.env).filter(({ source }) => source === 'environment');
  yield ok('settings', `${set.length} set in the environment, the others at their defaults: see \`clipmill config\``);
  yield* diagnose(config, DEFAULT_HOME, (app) => startServer(app, { listen: config.listen }));
}

const styles = { ok: 'green', warn: 'yellow', fail: 'red' } as const;
const SUBJECT_WIDTH = 12;

/** Formats a finding as `fail  durability   …`, with the cure on the next line. */
export function formatFinding({ level, subject, found, cure }: Finding): string {
  const line = `${styleText(styles[level], level.padEnd(4))}  ${subject.padEnd(SUBJECT_WIDTH)}${found}\n`;
  return cure ? `${line}${' '.repeat(6 + SUBJECT_WIDTH)}${styleText('dim', `-> ${cure}`)}\n` : line;
}

function summary(findings: readonly Finding[]): string {
  const [failures, warnings] = [count(findings, 'fail'), count(findings, 'warn')];
  if (failures + warnings === 0) return '\nall checks passed\n';
  return `\n${plural(failures, 'failure')}, ${plural(warnings, 'warning')}\n`;
}

function count(findings: readonly Finding[], level: Finding['level']): number {
  return findings.filter((finding) => finding.level === level).length;
}
