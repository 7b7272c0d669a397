/** Longest text of one job or of a file's header, in characters: what a reader holds at once stays bounded. */
export const MAX_TEXT = 1_000_000;

/**
 * Longest YAML file, in characters, that is parsed whole because it cannot be cut into its jobs: some
 * 2,500 jobs. Parsing one takes 70 MB as a rule, and 200 MB where it is made of many small values.
 */
export const MAX_WHOLE = 250_000;

/** Deepest nesting of lists and mappings. Parsers recurse: far deeper ones would exhaust the stack. */
export const MAX_DEPTH = 50;

/** Most values that the YAML aliases of one text may stand for: a "billion laughs" is refused, not expanded. */
export const MAX_ALIASED = 100_000;

/** Most values that the anchors of one YAML file may hold: they are kept while the file is read. */
export const MAX_ANCHORED = 1_000_000;

/** Longest template of a prompt or a name, in characters, with the variables in it not yet put in. */
export const MAX_TEMPLATE = 10_000;

/** Most mistakes that are counted: reading a file ends there. */
export const MAX_COUNTED = 10_000;

/** Most clips that `matrix` and `copies` may make of one job. */
export const MAX_CLIPS_PER_JOB = 100_000;

/** Most clips in one file: 17 hours at 1,000 slots, and about 100 MB of bookkeeping while it is checked. */
export const MAX_CLIPS_PER_FILE = 1_000_000;

/** Largest image that the API takes, in bytes. */
export const MAX_IMAGE_BYTES = 10 * 1024 * 1024;

/** Most mistakes that are listed; the rest are counted. */
export const MAX_PROBLEMS = 100;

/** Most mistakes of one kind that are listed behind those. */
export const MAX_OF_A_KIND = 5;
