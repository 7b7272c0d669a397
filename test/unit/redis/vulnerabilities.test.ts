import { describe, expect, it } from 'vitest';
import type { RedisFacts } from '../../../src/redis/facts.ts';
import { judgeVulnerabilities } from '../../../src/redis/vulnerabilities.ts';

const findings = (product: string, version: string | undefined) =>
  judgeVulnerabilities({ product, version } as RedisFacts).map(({ level }) => level);

describe('known vulnerabilities of Redis', () => {
  it.each(['6.2.19', '7.0.15', '7.2.10', '7.4.5', '8.0.3', '8.2.1'])('are in Redis %s', (version) =>
    expect(findings('Redis', version)).toEqual(['warn']),
  );
  it.each(['6.2.20', '6.2.21', '7.2.11', '7.4.6', '8.0.4', '8.2.2', '8.4.0', '9.0.0'])(
    'are not in Redis %s',
    (version) => expect(findings('Redis', version)).toEqual([]),
  );
  it('are those of Valkey for Valkey, and unknown for other servers', () => {
    expect(findings('Valkey', '8.1.3')).toEqual(['warn']);
    expect(findings('Valkey', '8.1.4')).toEqual([]);
    expect(findings('Dragonfly', '1.0')).toEqual([]);
    expect(findings('Redis', undefined)).toEqual([]);
  });
});
