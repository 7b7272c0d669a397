export { openJobsFiles, type JobsFile, type OpenOptions } from './open.ts';
export { expandJobs, type BatchInput, type ExpandOptions } from './stream.ts';
export type { LocalImage } from './compile/image-files.ts';
export { MAX_IMAGE_BYTES } from './limits.ts';
export { jobsFileJsonSchema } from './schema.ts';
export { isName, NAME_RULE } from './compile/names.ts';
export type { Job, JobDefaults, JobInput, MatrixValue, Mode, Provider, Totals } from './job.ts';
export { queueJobJsonSchema, readQueueJob, type QueueJobResult } from './queue-job.ts';
