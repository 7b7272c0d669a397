import { once } from 'node:events';
import type { Command } from 'commander';
import { openApp } from '../../app.ts';
import { secretsOf } from '../../config/config.ts';
import { onInterrupt } from '../../core/shutdown.ts';
import { createLogger, readableLines } from '../../core/log.ts';
import { startServer } from '../../server/start-server.ts';
import { EXIT, type CliContext } from '../command-context.ts';
import { configFrom } from '../with-app.ts';

/** Default of CLIPMILL_LISTEN in this command. */
const DEFAULT_LISTEN = { host: '127.0.0.1', port: 7878 };

export function addServe(program: Command, context: CliContext): void {
  program
    .command('serve')
    .summary('run the HTTP server: callbacks of the API, health, metrics')
    .description(
      'Serves until SIGTERM or SIGINT. CLIPMILL_LISTEN (127.0.0.1:7878) has /healthz, /readyz and /metrics; ' +
        'CLIPMILL_CALLBACK_LISTEN accepts only the callbacks of CLIPMILL_CALLBACK_URL. Requires REDIS_URL. Keeps no state, ' +
        'so any number may run. See docs/server.md for nginx, Caddy and tunnels.',
    )
    .action(async () => {
      const config = configFrom(context);
      const log = createLogger({
        level: config.logLevel,
        secrets: secretsOf(config),
        ...(context.terminal && { destination: await readableLines() }),
      });
      const interrupt = onInterrupt(
        (signal) => log.info({ signal }, 'closing; a second signal ends the process at once'),
        EXIT.ok,
      );
      const app = await openApp(config, { log, lazy: true });
      try {
        const server = await startServer(app, { listen: config.listen ?? DEFAULT_LISTEN });
        log.info({ ...server.urls, ...(config.callbackUrl && { apiCalls: config.callbackUrl }) }, 'serving');
        if (!interrupt.signal.aborted) await once(interrupt.signal, 'abort');
        await server.close();
      } finally {
        interrupt.off();
        await app.close();
      }
      context.exit(EXIT.ok);
    });
}
