import { promptOf, type CompiledJob, type JobCompiler } from './compile.ts';
import { givenId } from './identity.ts';
import type { ItemInput, Job } from '../job.ts';
import { combinations, type Combination } from './matrix.ts';
import { NAME_RULE, isName } from '../names.ts';
import { outputNameOf, outputNameFault } from './output-name.ts';
import type { Batch } from './header.ts';
import type { FieldDiagnostic, Fields, Report } from '../tree.ts';
import { quote } from '../messages.ts';

/** A clip of a job, with or without errors. */
export interface Clip {
  id: string;
  /** Whether the user named the id; otherwise it is a hash of the content. */
  named: boolean;
  /** Name in the storage; `undefined` if an error leaves it unknown. */
  output: string | undefined;
  /** The checked job; `undefined` if it has an error, in which case only its names are checked for uniqueness. */
  job: Job | undefined;
}

/**
 * Yields the clips of one job: for each combination of its matrix, as many as it has copies. Reports all errors, but
 * only those of the first combination that fails.
 * @param firstIndex position of the first clip in the file, from 1
 */
export function* expandJob(raw: Fields, compiler: JobCompiler, firstIndex: number, report: Report): Generator<Clip> {
  let faults = 0;
  const counted: Report = (issue) => {
    faults++;
    report(issue);
  };
  const job = compiler.compile(raw, counted);
  let index = firstIndex;
  for (const values of combinations(job.matrix)) {
    const before = faults;
    const reportHere = (issue: FieldDiagnostic): void =>
      counted({ ...issue, message: issue.message + describeCombination(values) });
    const input = inputOf(job, values, reportHere);
    const id = idOf(job, input, values);
    if (id === undefined) return;
    for (let copy = 1; copy <= job.settings.copies; copy++) {
      const clip = clipOf(job, { id: copy > 1 ? `${id}-${copy}` : id, index, input, values });
      const issue = nameDiagnostic(clip, job, compiler.batch);
      if (issue !== undefined) {
        reportHere(issue);
        return;
      }
      yield faults > 0 ? { ...clip, job: undefined } : clip;
      index++;
    }
    // Further combinations would most likely fail in the same way.
    if (faults > before) return;
  }
}

/** Returns the checked input with all defaults; `undefined` if it is invalid. */
function inputOf(job: CompiledJob, values: Combination, report: Report): ItemInput | undefined {
  const prompt = promptOf(job, values, report);
  const { input } = job.settings;
  return prompt === undefined || input === undefined ? undefined : { ...input, prompt };
}

/** Returns the id of a clip; `undefined` if an error leaves it unknown. */
function idOf(job: CompiledJob, input: ItemInput | undefined, values: Combination): string | undefined {
  const { id, settings, variables, faulty } = job;
  if (faulty.has('id') || faulty.has('matrix')) return undefined;
  if (id !== undefined) return givenId(id, values, variables);
  return input && settings.contentId?.(input.prompt);
}

function clipOf(
  { settings, variables, id: given, faulty }: CompiledJob,
  { id, index, input, values }: { id: string; index: number; input: ItemInput | undefined; values: Combination },
): Clip {
  const { provider, priority, images, nameFacts } = settings;
  const named = given !== undefined;
  if (nameFacts === undefined || faulty.has('output')) return { id, named, output: undefined, job: undefined };
  const output = outputNameOf(settings.output, nameFacts, { id, index }, values, variables);
  if (input === undefined) return { id, named, output, job: undefined };
  const job: Job = { id, index, provider, input, priority, output };
  if (images.length > 0) job.images = images;
  return { id, named, output, job };
}

function nameDiagnostic(
  { id, output }: Clip,
  { faulty }: CompiledJob,
  { nameFault }: Batch,
): FieldDiagnostic | undefined {
  if (!isName(id)) return { path: ['id'], message: `${NAME_RULE}; this one is ${quote(id)}` };
  if (output === undefined || faulty.has('output')) return undefined;
  const fault = outputNameFault(output) ?? nameFault?.(output);
  return fault === undefined ? undefined : { path: ['output'], message: fault };
}

/** Formats the combination of the matrix for a message. */
function describeCombination(values: Combination): string {
  if (values.size === 0) return '';
  return ` (with ${[...values].map(([name, value]) => `${name}=${quote(value)}`).join(', ')})`;
}
