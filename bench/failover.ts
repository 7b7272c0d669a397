/**
 * Runs fail-overs of Redis in the middle of a batch: real Sentinels and Clusters on this machine, and two worker
 * processes that are not restarted. Prints a table of results. Exits with 1 if a clip was paid for twice or lost, or if
 * more than 2 % are held.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Option } from 'commander';
import { benchCommand, wholeNumber } from './command.ts';
import { startCluster } from './failover/cluster.ts';
import { runBatch, type Result } from './failover/batch.ts';
import { startSentinels } from './failover/sentinel.ts';
import { describeError } from '../src/core/errors.ts';
import { withTimeout } from '../src/core/timeouts.ts';
import { hasValkey, makeCertificates } from './failover/server.ts';
import { startSingle, type Setup, type SetupOptions } from './failover/setup.ts';

interface Scenario {
  name: string;
  start(options: SetupOptions): Promise<Setup>;
  tls: boolean;
  /** Injects the fault in the middle of the submissions. */
  fault: (setup: Setup) => Promise<void>;
}

/** How long the old master stays frozen or dead after it was replaced, in milliseconds. */
const REPLACED_MS = 3_000;
/** How long a split lasts after the master was replaced, in milliseconds. */
const SPLIT_MS = 12_000;
/** How long Redis is down, in milliseconds. */
const OUTAGE_MS = 30_000;
/** Timeout of a scenario, with the start and the end of its servers, in milliseconds. */
const SCENARIO_MS = 420_000;

async function planned(setup: Setup): Promise<void> {
  const old = await setup.master();
  await setup.planned();
  await setup.replaced(old);
}

async function frozen(setup: Setup): Promise<void> {
  const old = await setup.master();
  old.freeze();
  await setup.replaced(old);
  await sleep(REPLACED_MS);
  old.thaw();
}

async function killed(setup: Setup): Promise<void> {
  const old = await setup.master();
  await old.kill();
  await setup.replaced(old);
  await sleep(REPLACED_MS);
  await setup.revive(old);
}

async function outage(setup: Setup): Promise<void> {
  const server = await setup.master();
  await server.kill();
  await sleep(OUTAGE_MS);
  await setup.revive(server);
}

async function twice(setup: Setup): Promise<void> {
  await planned(setup);
  await killed(setup);
}

async function split(setup: Setup): Promise<void> {
  const old = await setup.master();
  await setup.split?.();
  await setup.replaced(old);
  await sleep(SPLIT_MS);
  setup.heal?.();
}

const tls = true;
const scenarios: Scenario[] = [
  { name: 'One server, away for 30 s', start: startSingle, tls, fault: outage },
  { name: 'Sentinel, planned fail-over', start: startSentinels, tls, fault: planned },
  { name: 'Sentinel, master frozen', start: startSentinels, tls, fault: frozen },
  { name: 'Sentinel, master killed', start: startSentinels, tls, fault: killed },
  { name: 'Sentinel, two in a row', start: startSentinels, tls, fault: twice },
  {
    name: 'Sentinel, network split',
    // The proxies identify workers by what they send, which TLS hides.
    start: (options) => startSentinels({ ...options, proxied: true }),
    tls: false,
    fault: split,
  },
  { name: 'Cluster, planned fail-over', start: startCluster, tls, fault: planned },
  { name: 'Cluster, master frozen', start: startCluster, tls, fault: frozen },
  { name: 'Cluster, master killed', start: startCluster, tls, fault: killed },
  { name: 'Cluster, two in a row', start: startCluster, tls, fault: twice },
  {
    name: 'Cluster, network split',
    start: (options) => startCluster({ ...options, proxied: true }),
    tls: false,
    fault: split,
  },
  { name: 'Cluster, slot migrated', start: startCluster, tls, fault: async (setup) => setup.moveSlot?.() },
];

const values = benchCommand('Lets Redis fail over while a batch runs, and audits what was paid for.')
  .option('--clips <number>', 'clips of each scenario', wholeNumber, 500)
  .option('--only <text>', 'runs only the scenarios whose names contain this', '')
  .addOption(
    new Option('--durability <kind>', 'CLIPMILL_DURABILITY of the workers')
      .choices(['auto', 'memory', 'disk', 'replica'])
      .default('auto'),
  )
  .option('--keep', 'keeps the folders of the servers', false)
  .parse()
  .opts<{ clips: number; only: string; durability: string; keep: boolean }>();

const root = await mkdtemp(join(tmpdir(), 'clipmill-failover-'));
const certificates = makeCertificates(join(root, 'tls'));
const products = hasValkey() ? [false, true] : [false];
if (products.length === 1) console.log('valkey-server is not on the PATH: only Redis is tested\n');
console.log(
  '| scenario | clips | done | billed | doubled | lost | held | s |\n| --- | --- | --- | --- | --- | --- | --- | --- |',
);
let failed = false;
for (const valkey of products) {
  for (const scenario of scenarios.filter(({ name }) => name.includes(values.only)))
    failed = !(await passes(scenario, valkey)) || failed;
}
if (!values.keep) await rm(root, { recursive: true, force: true });
process.exit(failed ? 1 : 0);

/** Runs a scenario. If it throws or times out, prints that in its row, and the other scenarios still run. */
async function passes(scenario: Scenario, valkey: boolean): Promise<boolean> {
  try {
    return await withTimeout(run(scenario, valkey), { ms: SCENARIO_MS });
  } catch (error) {
    console.log(`| ${scenario.name}${valkey ? ' (Valkey)' : ''} | failed: ${describeError(error)} | | | | | | |`);
    return false;
  }
}

async function run(scenario: Scenario, valkey: boolean): Promise<boolean> {
  const folder = await mkdtemp(join(root, 's-'));
  const { clips, durability } = values;
  const setup = await scenario.start({ folder, valkey, tls: scenario.tls ? certificates : undefined });
  try {
    const result = await runBatch({ setup, folder, clips, durability, fault: scenario.fault });
    console.log(row(`${scenario.name}${valkey ? ' (Valkey)' : ''}`, clips, result));
    for (const problem of result.audited.problems) console.log(problem);
    return result.audited.doubled + result.audited.lost === 0 && result.audited.held <= clips * 0.02;
  } finally {
    await setup.stop();
  }
}

function row(name: string, clips: number, { audited, seconds }: Result): string {
  const { done, billed, doubled, lost, held } = audited;
  return `| ${[name, clips, done, billed, doubled, lost, held, seconds.toFixed(0)].join(' | ')} |`;
}
