import { hashName, NameTable, type Owner } from './name-table.ts';
import type { Clip } from './expand.ts';
import { foldedName } from '../../core/folded-name.ts';
import type { FieldDiagnostic } from '../tree.ts';
import { quote } from '../messages.ts';

type NamedClip = Pick<Clip, 'id' | 'named' | 'output'>;

/** A conflict with the name of another clip. */
export interface NameConflict extends FieldDiagnostic {
  /** Whether another job has the same content, and neither has an id. */
  sameContent?: true;
}

/**
 * Detects clips that would be paid for twice or overwritten: an id or a name that is already used, and a name that is
 * the folder of another clip. Shared by all files of a run.
 */
export class Uniqueness {
  readonly #ids = new NameTable();
  readonly #outputs = new NameTable();
  readonly #folders = new NameTable();
  readonly #describe: (first: Owner, now: Owner) => string;
  readonly #sameContentCure: string;
  #lastFolder = '';

  /**
   * @param describe returns the first job with a name for a message, such as "the job at line 12"
   * @param sameContentCure cure for two jobs with the same content
   */
  constructor(describe: (first: Owner, now: Owner) => string, sameContentCure = 'use `copies: 2` or give each an id') {
    this.#describe = describe;
    this.#sameContentCure = sameContentCure;
  }

  /** Returns the first conflict of the id or the name of a clip, or `undefined`. Records both. */
  check(batch: string, clip: NamedClip, owner: Owner): NameConflict | undefined {
    const first = this.#ids.claim(hashName(`${batch}\0${clip.id}`), owner);
    if (first !== undefined) return this.#sameId(clip, first, owner);
    return clip.output === undefined ? undefined : this.#checkOutput(clip.output, owner);
  }

  #sameId(clip: NamedClip, first: Owner, owner: Owner): NameConflict {
    const itself = first.file === owner.file && first.job === owner.job;
    const id = quote(clip.id);
    if (clip.named) {
      const message = itself
        ? `two combinations of the matrix have the id ${id}: use all variables in it`
        : `${id} is already the id of ${this.#describe(first, owner)}`;
      return { path: ['id'], message };
    }
    if (itself) {
      const message =
        'two combinations of the matrix have the same content: use all variables in the prompt, or `copies`';
      return { path: ['matrix'], message };
    }
    const message = `same content as ${this.#describe(first, owner)}: ${this.#sameContentCure}`;
    return { path: [], message, sameContent: true };
  }

  #checkOutput(output: string, owner: Owner): FieldDiagnostic | undefined {
    const path = ['output'];
    const name = foldedName(output);
    const hash = hashName(name);
    const first = this.#outputs.claim(hash, owner);
    if (first !== undefined) {
      const message = `${quote(output)} is already the name of a clip of ${this.#describe(first, owner)}: choose another one, with {id} in it (case is ignored)`;
      return { path, message };
    }
    const inside = this.#folders.find(hash);
    if (inside !== undefined) {
      return { path, message: `${quote(output)} is a folder for the clip of ${this.#describe(inside, owner)}` };
    }
    const folder = name.slice(0, Math.max(0, name.lastIndexOf('/')));
    if (folder === this.#lastFolder) return undefined;
    this.#lastFolder = folder;
    for (let end = folder.length; end > 0; end = folder.lastIndexOf('/', end - 1)) {
      const part = folder.slice(0, end);
      const partHash = hashName(part);
      this.#folders.claim(partHash, owner);
      const file = this.#outputs.find(partHash);
      if (file === undefined) continue;
      const message = `${quote(output)} needs the folder ${quote(part)}, which is a clip of ${this.#describe(file, owner)}`;
      return { path, message };
    }
    return undefined;
  }
}
