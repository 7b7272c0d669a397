import type { App } from '../app.ts';
import type { RunningServer } from './start.ts';

/** Opens what the settings ask a worker process to listen on; nothing of the server is loaded where they do not. */
export async function openListeners(app: App, workers: { faults(): string[] }): Promise<RunningServer> {
  const { listen, metricsListen, callbackListen } = app.config;
  if (!listen && !metricsListen && !callbackListen) return { urls: {}, close: async () => {} };
  const { startServer } = await import('./start.ts');
  return await startServer(app, { listen, metricsListen, faults: () => workers.faults() });
}
