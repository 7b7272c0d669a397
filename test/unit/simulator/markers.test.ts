import { describe, expect, it } from 'vitest';
import { markerTable, parseMarkers } from '../../../src/simulator/markers.ts';
import { Prompts, takeMarker } from '../../../src/simulator/task.ts';

describe('parseMarkers', () => {
  it('reads kind, value and count', () => {
    expect(parseMarkers('a [fail:GENERATION_FAILED x2] fox [never] in [slow:1.5] snow [lost x1]')).toEqual([
      { kind: 'fail', value: 'GENERATION_FAILED', times: 2 },
      { kind: 'never', value: '', times: Infinity },
      { kind: 'slow', value: '1.5', times: Infinity },
      { kind: 'lost', value: '', times: 1 },
    ]);
  });

  it.each(['fox', 'a [fox]', '[fail]', '[slow:fast]', '[never:1]', '[http:200]', '[urls:0]', '[file:pdf]', '[lost x]'])(
    'reads %s as text',
    (prompt) => {
      expect(parseMarkers(prompt)).toEqual([]);
    },
  );

  it('accepts every documented marker', () => {
    const examples = Object.values(markerTable).map(({ form }) =>
      (form.split(',', 1)[0] ?? '').replace('CODE', 'NSFW').replace(':N]', ':3]'),
    );
    expect(examples.map((example) => parseMarkers(example).map(({ kind }) => kind))).toEqual(
      Object.keys(markerTable).map((kind) => [kind]),
    );
  });
});

describe('strike', () => {
  it('uses up counts, one marker of a kind after the other, per prompt', () => {
    const prompts = new Prompts();
    const first = prompts.of('one [fail:A x2] [fail:B x1] [lost x1]');
    expect(Array.from({ length: 4 }, () => takeMarker(first, 'fail')?.value)).toEqual(['A', 'A', 'B', undefined]);
    expect(takeMarker(first, 'lost')).toMatchObject({ kind: 'lost' });
    expect(takeMarker(first, 'lost')).toBeUndefined();
    expect(takeMarker(prompts.of('two [fail:A x2]'), 'fail')?.value).toBe('A');
    expect(takeMarker(prompts.of('one [fail:A x2] [fail:B x1] [lost x1]'), 'fail')).toBeUndefined();
  });

  it('strikes without end if it has no count', () => {
    const history = new Prompts().of('[hang]');
    for (let i = 0; i < 100; i++) expect(takeMarker(history, 'hang')).toBeDefined();
  });
});
