import type { PermitDeps } from '../../src/worker/steps/submit-permit.ts';

/** A connection on which every record is acknowledged at once. */
export const acknowledged: PermitDeps['connection'] = {
  epoch: 0,
  ready: () => Promise.resolve(),
  acknowledged: () => Promise.resolve(true),
};
