import { compileJob, type CompiledJob } from './compile.ts';
import type { Batch } from './header.ts';
import { contentId, givenId } from './identity.ts';
import { itemInput, type ItemInput } from '../input.ts';
import type { Job } from '../job.ts';
import { combinations, type Combination } from './matrix.ts';
import { NAME_RULE, isName } from '../names.ts';
import { outputNameOf, outputNameFault } from './output-name.ts';
import { zodIssues } from './shape.ts';
import { render } from '../template.ts';
import type { FieldDiagnostic, Fields, Report } from '../tree.ts';
import { quote } from '../wording.ts';

export interface Clip {
  job: Job;
  /** The user gave the id; otherwise it is a hash of the content. */
  named: boolean;
}

/**
 * Makes the clips of one job: a clip for each combination of its matrix, as many times as it has copies.
 * Reports all that is wrong and then yields nothing more; of combinations that fail, the first is told.
 * @param firstIndex the position of the first of them in the file, from 1
 */
export function* expandJob(raw: Fields, batch: Batch, firstIndex: number, report: Report): Generator<Clip> {
  let faults = 0;
  const tell: Report = (issue) => {
    faults++;
    report(issue);
  };
  const recipe = compileJob(raw, batch, tell);
  let index = firstIndex;
  for (const values of combinations(recipe.matrix)) {
    const tellOf = (issue: FieldDiagnostic): void => tell({ ...issue, message: issue.message + where(values) });
    const input = inputFor(recipe, values, tellOf);
    // A job with mistakes has one of its combinations looked at, for what else is wrong with it.
    if (faults > 0 || input === undefined) return;
    const id =
      recipe.id === undefined ? contentId(input, recipe.provider) : givenId(recipe.id, values, recipe.variables);
    for (let copy = 1; copy <= recipe.copies; copy++) {
      const clip = clipFor(recipe, batch, { input, index, id: copy > 1 ? `${id}-${copy}` : id, values });
      const issue = nameDiagnostic(clip.job, batch);
      if (issue !== undefined) {
        tellOf(issue);
        return;
      }
      yield clip;
      index++;
    }
  }
}

/** The checked input, every default filled in; `undefined` when something is wrong with it. */
function inputFor(recipe: CompiledJob, values: Combination, tell: Report): ItemInput | undefined {
  if (recipe.input === undefined) return undefined;
  const prompt = recipe.prompt && render(recipe.prompt, (name) => values.get(name) ?? recipe.variables.get(name));
  const result = itemInput.safeParse(prompt === undefined ? recipe.input : { ...recipe.input, prompt });
  if (result.success) return result.data;
  for (const issue of zodIssues(result.error)) {
    const [field] = issue.path;
    if (recipe.told.has(String(field))) continue;
    if (field === 'prompt' && prompt === undefined) tell({ ...issue, message: 'is required' });
    else tell(issue);
  }
  return undefined;
}

function clipFor(
  recipe: CompiledJob,
  batch: Batch,
  made: { input: ItemInput; index: number; id: string; values: Combination },
): Clip {
  const { input, index, id, values } = made;
  const facts = { batch: batch.name, id, input, now: batch.now, index };
  const output = outputNameOf(recipe.output, facts, values, recipe.variables);
  const { provider, priority, images } = recipe;
  const job = { id, index, provider, input, priority, output, ...(images.length > 0 && { images }) };
  return { job, named: recipe.id !== undefined };
}

function nameDiagnostic({ id, output }: Job, { nameFault }: Batch): FieldDiagnostic | undefined {
  if (!isName(id)) return { path: ['id'], message: `${NAME_RULE}; this one is ${quote(id)}` };
  const fault = outputNameFault(output) ?? nameFault?.(output);
  return fault === undefined ? undefined : { path: ['output'], message: fault };
}

/** Which combination of the matrix a message speaks of. */
function where(values: Combination): string {
  if (values.size === 0) return '';
  return ` (with ${[...values].map(([name, value]) => `${name}=${quote(value)}`).join(', ')})`;
}
