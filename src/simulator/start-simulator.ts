import type { RequestListener } from 'node:http';
import { Account } from './account.ts';
import { Api } from './api.ts';
import { Callbacks } from './callback-delivery.ts';
import { serveControl, type Controls } from './control.ts';
import { FaultInjector, changeFaults, type Faults } from './faults.ts';
import { serveFile } from './files.ts';
import { listen, stopListening, urlOf } from './http.ts';
import { readBalance, readOptions, type SimulatorOptions, type SimulatorSettings } from './options.ts';
import { Prompts } from './task.ts';
import { Recorder } from './recorder.ts';
import type { Records } from './records.ts';
import { Replier } from './reply.ts';
import { SignedUrls } from './signed-urls.ts';
import { Tasks } from './tasks.ts';
import { Timeline } from './timeline.ts';
import type { SimulatorContext } from './context.ts';

export interface Simulator {
  /** Base URL of the simulated API, such as `http://127.0.0.1:4010`. */
  readonly url: string;
  /** The options with all defaults. */
  readonly options: SimulatorSettings;
  readonly records: Records;
  /** The current faults. */
  readonly faults: Readonly<Faults>;
  /** Changes the named faults. @throws UserError for invalid values */
  setFaults(change: Partial<Faults>): void;
  /** Sets the balance in US dollars; undefined for unlimited. @throws UserError if it is invalid */
  setBalance(usd: number | undefined): void;
  /** Sets the only accepted key; undefined for any key. */
  setKey(key: string | undefined): void;
  /** Closes all connections and timers at once. May be called twice. */
  close(): Promise<void>;
}

/** Starts a simulated APIXO API. @throws UserError for invalid options, or a port that is in use */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const settings = readOptions(options);
  const context = buildContext(settings, changeFaults({}, options.faults ?? {}));
  const callbacks = new Callbacks(context);
  context.tasks.onMade((task) => callbacks.taskMade(task));
  context.tasks.onEnd((task) => {
    if (task.failCode !== undefined) {
      task.billed = false;
      context.account.refund(task.costUsd);
    }
    context.recorder.taskEnded(task);
    callbacks.taskEnded(task);
  });

  const setFaults = (change: unknown) => void Object.assign(context.faults, changeFaults(context.faults, change));
  const setBalance = (value: unknown) => context.account.setBalance(readBalance(value));
  const controls: Controls = {
    records: context.recorder,
    faults: () => context.faults,
    changeFaults: setFaults,
    changeBalance: setBalance,
  };
  const server = await listen(settings.port, settings.host, router(context, controls));
  const url = urlOf(server, settings.host);
  context.urls.base = settings.publicUrl?.replace(/\/$/, '') ?? url;
  return {
    url,
    options: settings,
    records: context.recorder,
    faults: context.faults,
    setFaults,
    setBalance,
    setKey: (key) => void (context.account.key = key),
    async close() {
      context.timeline.stop();
      await Promise.all([stopListening(server), callbacks.close()]);
    },
  };
}

function buildContext(settings: SimulatorSettings, faults: Faults): SimulatorContext {
  const epoch = performance.now();
  const unixBase = Date.now();
  const timeline = new Timeline(() => performance.now() - epoch);
  const injector = new FaultInjector(faults, settings.seed);
  const account = new Account(settings.apiKey, settings.balance);
  const prompts = new Prompts();
  const urls = new SignedUrls(settings.urlTtlMs, timeline.now);
  const tasks = new Tasks({ settings, timeline, prompts, injector });
  const recorder = new Recorder({ settings, timeline, unixBase, account, injector, prompts, tasks });
  const replier = new Replier(faults, timeline, injector.random);
  return { settings, timeline, unixBase, faults, injector, account, prompts, tasks, urls, recorder, replier };
}

function router(context: SimulatorContext, controls: Controls): RequestListener {
  const api = new Api(context);
  return (request, response) => {
    const url = request.url ?? '/';
    if (url.startsWith('/files/')) serveFile(context, request, response, url);
    else if (url.startsWith('/_simulator/')) serveControl(controls, request, response, url);
    else api.handle(request, response, url);
  };
}
