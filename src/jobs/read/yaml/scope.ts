import { MAX_ALIASED, MAX_ANCHORED } from '../../size-limits.ts';
import type { Place, Tree } from '../../tree.ts';

export interface Anchor {
  name: string;
  tree: Tree;
  /** Number of values in it, itself included. */
  size: number;
}

/** Effects of a parsed text on the texts below it. */
export interface YamlEffects {
  anchors: readonly Anchor[];
  aliases: readonly { name: string; place: Place }[];
  /** Number of values that aliases expanded to. */
  aliased: number;
  /** Length of the text in UTF-16 units. */
  characters: number;
}

/** Values that aliases may expand to per character of the file, so that the work is linear in its length. */
const ALIASED_PER_CHARACTER = 4;

/**
 * The anchors of a YAML file while it is read from top to bottom. As YAML requires, an alias refers to the last anchor
 * of its name above it, in any job.
 */
export class YamlScope {
  readonly #anchors = new Map<string, Anchor>();
  #anchored = 0;
  #aliased = 0;
  #characters = 0;

  anchor(name: string): Anchor | undefined {
    return this.#anchors.get(name);
  }

  /** Number of values that the aliases of the next text may expand to. */
  get aliasesLeft(): number {
    return MAX_ALIASED + ALIASED_PER_CHARACTER * this.#characters - this.#aliased;
  }

  /** Adds the effects of a text. @returns false if anchors contain too many values; those beyond the limit are not set */
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
