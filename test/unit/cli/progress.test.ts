import { describe, expect, it } from 'vitest';
import { bar, progressLine, progressLines, type ProgressView } from '../../../src/cli/run/progress.ts';
import { Pace } from '../../../src/cli/run/follow.ts';

const counts = {
  total: 3_000,
  queued: 1_160,
  submitting: 14,
  generating: 612,
  downloading: 8,
  done: 1_204,
  failed: 2,
  held: 0,
  cancelled: 0,
};
const view: ProgressView = {
  title: 'spring-campaign',
  counts,
  clipsPerMinute: 980.4,
  etaMs: 110_000,
  obstacles: [],
  usage: {
    slots: { used: 1_000, max: 1_000, ceiling: 1_000 },
    requests: { used: 4_120, max: 10_000, windowMs: 60_000 },
  },
};

describe('progress', () => {
  it('shows progress, states and pace', () => {
    expect(progressLines(view, 100)).toEqual([
      'spring-campaign  ████████████████░░░░░░░░░░░░░░░░░░░░░░░░  1,206 / 3,000  40 %',
      '  1,160 queued · 14 submitting · 612 generating · 8 downloading · 2 failed',
      '  980 clips/min · slots 1,000/1,000 · 4,120/10,000 requests/min · about 1 min 50 s left',
    ]);
  });

  it('shows obstacles', () => {
    const lines = progressLines({ ...view, obstacles: ['halted (no-credit)'], etaMs: null }, 100);
    expect(lines.at(-1)).toBe('  ! halted (no-credit)');
  });

  it('shows why nothing moves while held submissions occupy every slot', () => {
    const stuck = { ...counts, submitting: 0, generating: 0, held: 1_000 };
    expect(progressLines({ ...view, counts: stuck }, 100).at(-1)).toContain('! no slot is free: a held submission');
    expect(progressLine({ ...view, counts: stuck })).toContain('! no slot is free: a held submission');
    expect(progressLine({ ...view, counts: { ...stuck, generating: 1 } })).not.toContain('!');
    expect(progressLine({ ...view, counts: { ...stuck, queued: 0 } })).not.toContain('!');
    expect(progressLine({ ...view, counts: stuck, obstacles: ['paused'] })).toMatch(/! paused$/);
  });

  it('never breaks a line, however narrow the terminal', () => {
    for (const columns of [20, 40, 60, 79]) {
      const reason = 'the API cannot be reached: getaddrinfo ENOTFOUND api.example. '.repeat(3).trim();
      const lines = progressLines({ ...view, obstacles: [reason] }, columns);
      expect(lines.every((line) => line.length <= columns)).toBe(true);
      if (columns === 79)
        expect(
          lines
            .slice(3)
            .map((line) => line.trim())
            .join(' '),
        ).toBe(`! ${reason}`);
    }
  });

  it('fits on one line of a log', () => {
    expect(progressLine(view)).toContain('spring-campaign: 1,204 of 3,000 done · 1,160 queued');
    expect(progressLine(view)).not.toContain('\n');
  });

  it('draws a bar of any share', () => {
    expect([-1, 0, 0.5, 1, 2].map((share) => bar(share, 4))).toEqual(['░░░░', '░░░░', '██░░', '████', '████']);
  });
});

describe('Pace', () => {
  const at = (done: number) => ({ ...counts, done });

  it('measures the last minute', () => {
    const pace = new Pace();
    expect(pace.clipsPerMinute()).toBe(0);
    pace.add(0, at(0));
    pace.add(30_000, at(10));
    expect(pace.clipsPerMinute()).toBe(20);
    for (let second = 31; second <= 120; second += 1) pace.add(second * 1_000, at(10 + (second - 30) * 2));
    expect(pace.clipsPerMinute()).toBe(120);
  });

  it('estimates the end', () => {
    const pace = new Pace();
    expect(pace.etaMs(counts)).toBeNull();
    pace.add(0, at(0));
    pace.add(60_000, at(897));
    expect(pace.etaMs(counts)).toBe((1_794 / 897) * 60_000);
  });
});
