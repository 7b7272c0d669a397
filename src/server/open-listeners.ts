import type { App } from '../app.ts';
import type { RunningServer } from './start-server.ts';

/** Opens the configured listeners of a worker process. Loads the server only if there are any. */
export async function openListeners(app: App, workers: { faults(): string[] }): Promise<RunningServer> {
  const { listen, metricsListen, callbackListen } = app.config;
  if (!listen && !metricsListen && !callbackListen) return { urls: {}, close: async () => {} };
  const { startServer } = await import('./start-server.ts');
  return await startServer(app, { listen, metricsListen, faults: () => workers.faults() });
}
