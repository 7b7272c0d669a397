/**
 * Loaded before a worker (`NODE_OPTIONS=--import=…`): its clock is CLOCK_AHEAD_MS ahead from the start,
 * and is set by CLOCK_JUMP_MS when SIGUSR2 comes. Monotonic time (`performance`, timers) continues
 * as it does when an administrator sets the date.
 */
const RealDate = Date;
let aheadMs = Number(process.env['CLOCK_AHEAD_MS'] ?? 0);

class ShiftedDate extends RealDate {
  constructor(...args: [] | ConstructorParameters<typeof RealDate>) {
    if (args.length === 0) super(RealDate.now() + aheadMs);
    else super(...args);
  }

  static override now(): number {
    return RealDate.now() + aheadMs;
  }
}

globalThis.Date = ShiftedDate as DateConstructor;
process.on('SIGUSR2', () => {
  aheadMs += Number(process.env['CLOCK_JUMP_MS'] ?? 0);
});
