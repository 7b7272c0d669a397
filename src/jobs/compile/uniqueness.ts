import { NameTable, type Owner } from './name-table.ts';
import type { Clip } from './expand.ts';
import { foldedName } from './output-name.ts';
import type { Issue } from '../tree.ts';
import { quote } from '../wording.ts';

/**
 * Refuses what would be paid for twice or overwritten: an id that its batch has already, a name that
 * another clip has, and a name that is a folder for another clip. One for all files of a run.
 */
export class Uniqueness {
  readonly #ids = new NameTable();
  readonly #outputs = new NameTable();
  readonly #folders = new NameTable();
  readonly #describe: (first: Owner, now: Owner) => string;
  #lastFolder = '';

  /** @param describe how messages name the first job of a name, such as "the job at line 12" */
  constructor(describe: (first: Owner, now: Owner) => string) {
    this.#describe = describe;
  }

  /** What is wrong with the id or the name of a clip, the first thing only. */
  check(batch: string, clip: Clip, owner: Owner): Issue | undefined {
    const first = this.#ids.claim(`${batch}\0${clip.job.id}`, owner);
    if (first !== undefined) return this.#sameId(clip, first, owner);
    return this.#checkOutput(clip.job.output, owner);
  }

  #sameId(clip: Clip, first: Owner, owner: Owner): Issue {
    const itself = first.file === owner.file && first.job === owner.job;
    const id = quote(clip.job.id);
    if (clip.named) {
      const message = itself
        ? `two combinations of the matrix have the id ${id}: let all variables stand in it`
        : `${id} is the id of ${this.#describe(first, owner)} already`;
      return { path: ['id'], message };
    }
    if (itself) {
      const message =
        'two combinations of the matrix have the same content: use all variables in the prompt, or `copies`';
      return { path: ['matrix'], message };
    }
    const message = `same content as ${this.#describe(first, owner)}: use \`copies: 2\` or give each an id`;
    return { path: [], message };
  }

  #checkOutput(output: string, owner: Owner): Issue | undefined {
    const path = ['output'];
    const name = foldedName(output);
    const first = this.#outputs.claim(name, owner);
    if (first !== undefined) {
      const message = `${quote(output)} is the name of a clip of ${this.#describe(first, owner)} already: put {id} in it`;
      return { path, message };
    }
    const inside = this.#folders.find(name);
    if (inside !== undefined) {
      return { path, message: `${quote(output)} is a folder for the clip of ${this.#describe(inside, owner)}` };
    }
    const folder = name.slice(0, Math.max(0, name.lastIndexOf('/')));
    if (folder === this.#lastFolder) return undefined;
    this.#lastFolder = folder;
    for (let end = folder.length; end > 0; end = folder.lastIndexOf('/', end - 1)) {
      const part = folder.slice(0, end);
      this.#folders.claim(part, owner);
      const file = this.#outputs.find(part);
      if (file === undefined) continue;
      const message = `${quote(output)} needs the folder ${quote(part)}, which is a clip of ${this.#describe(file, owner)}`;
      return { path, message };
    }
    return undefined;
  }
}
