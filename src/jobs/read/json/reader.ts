import { MAX_TEXT } from '../../limits.ts';
import { moved, START } from '../../tree.ts';
import { JsonSplitter, type JobText } from './splitter.ts';
import { parseJson } from './text.ts';
import { unreadable, type Entry, type Header, type Reader, type Source } from '../reader.ts';
import { brokenHeader, takeApart } from '../whole.ts';

/** Reads jobs from `{"batch": …, "defaults": …, "jobs": [...]}` or from a bare `[...]`. */
export class JsonReader implements Reader {
  readonly #source: Source;

  constructor(source: Source) {
    this.#source = source;
  }

  async header(): Promise<Header> {
    const splitter = new JsonSplitter();
    for await (const text of this.#source.text()) splitter.push(text);
    splitter.end();
    const { text, from, to } = splitter.header;
    if (text.length > MAX_TEXT) {
      const message = 'the text around the jobs is longer than 1 MB: is a bracket closed too early?';
      return brokenHeader([{ place: to, message }]);
    }
    const { tree, faults } = parseJson(text, (place) => moved(place, from, to));
    return tree === undefined ? brokenHeader(faults) : takeApart(tree, faults).header;
  }

  async *jobs(): AsyncGenerator<Entry> {
    const splitter = new JsonSplitter();
    for await (const text of this.#source.text()) for (const job of splitter.push(text)) yield entryOf(job);
    for (const job of splitter.end()) yield entryOf(job);
  }
}

function entryOf({ text, place, unclosed }: JobText): Entry {
  if (text.length > MAX_TEXT) return unreadable(place, 'is longer than 1 MB: is a bracket in it not closed?');
  if (text === '' && !unclosed) return unreadable(place, 'a job is missing here: is there a comma too many?');
  const { tree, faults } = parseJson(text, (inText) => moved(inText, START, place));
  // When something is wrong with the last job, that is why the list seems to go on.
  if (unclosed && (text === '' || faults.length === 0)) {
    return unreadable(place, 'the file ends before its list of jobs does: is a "]" missing?');
  }
  return { place, tree, faults };
}
