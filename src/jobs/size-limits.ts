/** Longest text of a job or of a header, in UTF-16 units, which bounds the memory of a reader. */
export const MAX_TEXT = 1_000_000;

/**
 * Longest YAML file that is parsed as a whole, because it cannot be split into jobs, in UTF-16 units: about 2,500 jobs.
 * Parsing typically takes 70 MB of memory, and 200 MB for a file of many small values.
 */
export const MAX_WHOLE = 250_000;

/** Deepest nesting of lists and mappings. Parsers recurse, and much deeper nesting would exhaust the stack. */
export const MAX_DEPTH = 50;

/** Maximum number of values that YAML aliases may expand to: a "billion laughs" file is refused. */
export const MAX_ALIASED = 100_000;

/** Maximum number of values in the anchors of a YAML file, which stay in memory until the file is read. */
export const MAX_ANCHORED = 1_000_000;

/** Longest template of a prompt or a name, in characters, before variables are replaced. */
export const MAX_TEMPLATE = 10_000;

/** Maximum number of diagnostics of a file, after which reading stops. */
export const MAX_COUNTED = 10_000;

/** Maximum number of clips that `matrix` and `copies` of one job may make. */
export const MAX_CLIPS_PER_JOB = 100_000;

/** Maximum number of clips in one file: 17 hours at 1,000 slots, and about 100 MB of memory while it is checked. */
export const MAX_CLIPS_PER_FILE = 1_000_000;

/** Largest image that the API accepts, in bytes. */
export const MAX_IMAGE_BYTES = 10 * 1024 * 1024;

/** Maximum number of diagnostics that are listed; the rest are counted. */
export const MAX_PROBLEMS = 100;

/** Maximum number of diagnostics of one kind that are listed beyond those. */
export const MAX_OF_A_KIND = 5;
