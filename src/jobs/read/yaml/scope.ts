import { MAX_ALIASED, MAX_ANCHORED } from '../../limits.ts';
import type { Place, Tree } from '../../tree.ts';

export interface Anchor {
  name: string;
  tree: Tree;
  /** Values in it, itself included. */
  size: number;
}

/** What a parsed text leaves to the text below it. */
export interface YamlEffects {
  anchors: readonly Anchor[];
  aliases: readonly { name: string; place: Place }[];
  /** Values that aliases put in. */
  aliased: number;
  /** Length of the text. */
  characters: number;
}

/** Values that aliases may stand for, for each character of the file: what is done stays linear in its length. */
const ALIASED_PER_CHARACTER = 4;

/**
 * The anchors of a YAML file while it is read from top to bottom, one text after the other: as YAML has it,
 * an alias stands for the last anchor of its name above it, in whichever job that is.
 */
export class YamlScope {
  readonly #anchors = new Map<string, Anchor>();
  #anchored = 0;
  #aliased = 0;
  #characters = 0;

  anchor(name: string): Anchor | undefined {
    return this.#anchors.get(name);
  }

  /** How many values the aliases of the next text may stand for. */
  get aliasesLeft(): number {
    return MAX_ALIASED + ALIASED_PER_CHARACTER * this.#characters - this.#aliased;
  }

  /** @returns false when anchors hold more values than are kept; those above the limit are not set */
  add({ anchors, aliased, characters }: YamlEffects): boolean {
    this.#aliased += aliased;
    this.#characters += characters;
    for (const anchor of anchors) {
      this.#anchored += anchor.size - (this.#anchors.get(anchor.name)?.size ?? 0);
      if (this.#anchored > MAX_ANCHORED) return false;
      this.#anchors.set(anchor.name, anchor);
    }
    return true;
  }
}
