import { describe, expect, it } from 'vitest';
import { parseClusterNodes } from '../../../src/redis/cluster-nodes.ts';
import { decide, requirePossible } from '../../../src/redis/durability/acknowledgement-policy.ts';
import { RememberedReplicas } from '../../../src/redis/durability/remembered-replicas.ts';
import { parseFacts } from '../../../src/redis/facts.ts';

const redis = (version: string, fsync: string, aof = '1') =>
  parseFacts(`redis_version:${version}\r\naof_enabled:${aof}\r\nrole:master\r\n`, fsync);

describe('the witness of a record', () => {
  it.each([
    ['auto', redis('7.0.15', 'everysec'), 2, 'replica'],
    ['auto', redis('7.0.15', 'always'), 0, 'flushed'],
    ['auto', redis('7.0.15', 'everysec'), 0, 'memory'],
    ['auto', redis('7.2.4', 'everysec'), 0, 'waitaof'],
    ['auto', redis('8.0.0', 'no'), 0, 'memory'],
    ['auto', redis('7.2.4', 'everysec', '0'), 0, 'memory'],
    ['replica', redis('7.2.4', 'always'), 0, 'replica'],
    ['disk', redis('7.2.4', 'everysec'), 2, 'waitaof'],
    ['disk', redis('6.2.0', 'everysec'), 2, 'impossible'],
    ['memory', redis('7.2.4', 'always'), 2, 'memory'],
  ] as const)('is, with %s, chosen by the server', (setting, facts, replicas, kind) => {
    expect(decide(setting, facts, replicas).kind).toBe(kind);
  });

  it('is refused at the start if the server cannot provide it', () => {
    expect(() => requirePossible('disk', redis('7.0.15', 'everysec'))).toThrow('CLIPMILL_DURABILITY=disk');
    expect(() => requirePossible('disk', redis('7.0.15', 'always'))).not.toThrow();
  });

  it('waits for a vanished replica of a plain URL as long as it may have been promoted', async () => {
    let now = 0;
    const view = new RememberedReplicas(() => now);
    expect(view.attached(['a:1', 'b:1'])).toBe(2);
    now = 30_000;
    // a was promoted: only b still follows this master.
    expect(view.attached(['b:1'])).toBe(2);
    now = 61_000;
    expect(view.attached(['b:1'])).toBe(1);
    expect(await view.expected('run-1')).toBe(1);
    // Another server: its replicas are others.
    expect(await view.expected('run-2')).toBe(0);
  });
});

describe('CLUSTER NODES', () => {
  it('is read with host names, migrating slots and nodes without an address', () => {
    const nodes = parseClusterNodes(
      [
        'a1 :7000@17000 myself,master - 0 0 3 connected 0-5460 [5460->-b2]',
        'b2 10.0.0.2:7001@17001,redis-b.example.com slave,fail? a1 0 0 3 connected',
      ].join('\n'),
      '10.0.0.9',
    );
    expect(nodes[0]).toMatchObject({ address: { host: '10.0.0.9', port: 7000 }, epoch: 3, slots: 5461 });
    expect(nodes[0]?.owns(5460)).toBe(true);
    expect(nodes[1]).toMatchObject({
      ip: '10.0.0.2',
      address: { host: 'redis-b.example.com', port: 7001 },
      masterId: 'a1',
      flags: ['slave', 'fail?'],
      slots: 0,
    });
  });
});
