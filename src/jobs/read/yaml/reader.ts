import { MAX_TEXT, MAX_WHOLE } from '../../limits.ts';
import { moved, START, type Place, type Tree } from '../../tree.ts';
import { linesOf } from '../lines.ts';
import { unreadable, type Entry, type Header, type Reader, type Source } from '../reader.ts';
import { brokenHeader, takeApart } from '../whole.ts';
import { YamlSplitter, type JobText } from './splitter.ts';
import { parseYaml } from './text.ts';
import type { Anchors } from './tree.ts';

/** Reads jobs from YAML: cut into jobs where `jobs` is a block list, else as a whole. */
export class YamlReader implements Reader {
  readonly #source: Source;
  #anchors: Anchors = new Map();
  #whole = false;

  constructor(source: Source) {
    this.#source = source;
  }

  async header(): Promise<Header> {
    const splitter = new YamlSplitter();
    for await (const lines of linesOf(this.#source.text())) {
      for (const line of lines) splitter.push(line);
      this.#whole = splitter.whole;
      if (this.#whole) return (await this.#readWhole()).header;
    }
    const header = this.#header(splitter.header);
    return splitter.fault === undefined ? header : brokenHeader([...header.faults, splitter.fault]);
  }

  async *jobs(): AsyncGenerator<Entry> {
    if (this.#whole) {
      for (const tree of (await this.#readWhole()).jobs) yield { place: tree.place, tree, faults: [] };
      return;
    }
    const splitter = new YamlSplitter();
    for await (const lines of linesOf(this.#source.text())) {
      for (const line of lines) {
        const job = splitter.push(line);
        if (job !== undefined) yield this.#job(job);
      }
    }
    const last = splitter.end();
    if (last !== undefined) yield this.#job(last);
  }

  #header({ text, from, to }: YamlSplitter['header']): Header {
    if (text.length > MAX_TEXT) {
      return brokenHeader([{ place: START, message: 'the text around the jobs is longer than 1 MB' }]);
    }
    const { tree, faults, anchors } = parseYaml(text, (place) => moved(place, from, to), new Map());
    // YAML knows an anchor only after it was set: jobs see those above them.
    this.#anchors = new Map([...anchors].filter(([, anchor]) => anchor.tree.place.line < from.line));
    if (tree !== undefined) return takeApart(tree, faults).header;
    return { tree, faults, broken: faults.length > 0 };
  }

  #job({ text, line }: JobText): Entry {
    const begin: Place = { line, column: 1 };
    if (text.length > MAX_TEXT) return unreadable(begin, 'the job is longer than 1 MB');
    const { tree: list, faults } = parseYaml(text, (place) => moved(place, START, begin), this.#anchors);
    const tree = Array.isArray(list?.value) ? list.value[0] : undefined;
    return { place: tree?.place ?? faults[0]?.place ?? begin, tree, faults };
  }

  async #readWhole(): Promise<{ header: Header; jobs: Tree[] }> {
    let text = '';
    for await (const piece of this.#source.text()) {
      text += piece;
      if (text.length <= MAX_WHOLE) continue;
      const message = 'is over 250 KB and not a block list: write each job as "- …" below `jobs:`, or use JSONL';
      return { header: brokenHeader([{ place: START, message }]), jobs: [] };
    }
    const { tree, faults } = parseYaml(text, (place) => place, new Map());
    return tree === undefined ? { header: brokenHeader(faults), jobs: [] } : takeApart(tree, faults);
  }
}
