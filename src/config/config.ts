import type { z } from 'zod';
import { nearest } from '../core/did-you-mean.ts';
import { UserError } from '../core/errors.ts';
import { passwordsOf, withoutPassword } from '../core/redact.ts';
import { settings, type Setting } from './settings.ts';
import { isLoopback, isLoopbackHost, isPrivateHost } from './values.ts';

type Settings = typeof settings;
type Value<S extends Setting> = z.output<S['value']> | (S extends { default: string } ? never : undefined);

/** All settings, parsed: durations in milliseconds (`…Ms`), absent settings `undefined`. Frozen. */
export type Config = { readonly [Name in keyof Settings]: Value<Settings[Name]> };

/** Environment variables, such as `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** One or more settings are missing or invalid. */
export class SettingsError extends UserError {
  override readonly name = 'SettingsError';
}

/**
 * Reads and validates all settings of the environment.
 * @throws SettingsError with every invalid setting and its rule
 */
export function loadConfig(environment: Environment): Config {
  const errors: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries<Setting>(settings)) {
    const text = readVariable(environment, setting) ?? setting.default;
    if (text === undefined) continue;
    const result = setting.value.safeParse(text);
    if (result.success) values[name] = result.data;
    else errors.push(`${setting.env}=${mask(setting, text)}: ${result.error.issues[0]?.message ?? 'is not valid'}`);
  }
  const { baseUrl, allowHttp } = values as Partial<Config>;
  if (baseUrl?.startsWith('http:') && !allowHttp && !isPrivateHost(new URL(baseUrl).hostname)) {
    errors.push(
      `${settings.baseUrl.env}=${withoutPassword(baseUrl)}: would send the API key unencrypted: use https://, or set ${settings.allowHttp.env}=true`,
    );
  }
  if (errors.length > 0) {
    throw new SettingsError(errors.join('\n'), {
      cure: 'Correct or unset it; `clipmill config` prints every setting.',
    });
  }
  const config = Object.freeze(values) as Config;
  checkAddresses(config);
  return config;
}

/** @throws SettingsError if settings that are valid on their own contradict each other */
function checkAddresses({ callbackUrl, callbackListen, baseUrl, listen, apiToken }: Config): void {
  if (callbackListen && callbackUrl === undefined) {
    throw new SettingsError('CLIPMILL_CALLBACK_LISTEN is set, but CLIPMILL_CALLBACK_URL is not', {
      cure: 'Set CLIPMILL_CALLBACK_URL to the public URL that leads there, or unset CLIPMILL_CALLBACK_LISTEN.',
    });
  }
  if (callbackUrl !== undefined && !isLoopback(baseUrl)) {
    const { protocol, hostname } = new URL(callbackUrl);
    if (protocol !== 'https:' || isPrivateHost(hostname)) {
      throw new SettingsError(
        `CLIPMILL_CALLBACK_URL=${callbackUrl}: the API calls only public https URLs, and this is not one`,
        { cure: 'Put a proxy or a tunnel with TLS in front of CLIPMILL_CALLBACK_LISTEN: see docs/server.md.' },
      );
    }
  }
  if (listen !== undefined && !isLoopbackHost(listen.host) && apiToken === undefined) {
    throw new SettingsError(
      `CLIPMILL_LISTEN=${listen.host}:${listen.port} needs a CLIPMILL_API_TOKEN: it is not on loopback`,
      {
        cure: 'Set CLIPMILL_API_TOKEN (openssl rand -base64 32), or listen on 127.0.0.1 behind a proxy.',
      },
    );
  }
}

/** Returns the API key. @throws SettingsError if none is set and the API is not on this machine */
export function requireApiKey(config: Config): string {
  if (config.apiKey !== undefined) return config.apiKey;
  if (isLoopback(config.baseUrl)) return 'loopback';
  throw new SettingsError('APIXO_API_KEY is not set', {
    cure: 'Set it to the key of your APIXO account: export APIXO_API_KEY=…  (or try `clipmill demo`, which needs none)',
  });
}

/** Returns the addresses that URLs of clips and images may resolve to besides public ones. */
export function addressesOf({ baseUrl, allowAddresses }: Config) {
  // An API on this machine, such as the simulator, also serves its clips from there.
  return { anyAddress: isLoopback(baseUrl), allowed: allowAddresses };
}

/** Returns the origin of the API, or `loopback` for any API on this machine. */
export function apiOf({ baseUrl }: Pick<Config, 'baseUrl'>): string {
  return isLoopback(baseUrl) ? 'loopback' : new URL(baseUrl).origin;
}

/** Returns the identity of the paying account: the API and the key. */
export function accountSecret(config: Config): string {
  return `${apiOf(config)}\n${requireApiKey(config)}`;
}

/** A setting as printed by `clipmill config`. */
export interface SettingReport {
  name: string;
  /** As written, with secrets masked; `null` if it is not set and has no default. */
  value: string | null;
  source: 'environment' | 'default' | 'unset';
  about: string;
}

/** Returns every setting with its value and source. Does not check the values. */
export function reportSettings(environment: Environment): SettingReport[] {
  return Object.values<Setting>(settings).map((setting) => {
    const text = readVariable(environment, setting);
    const value = text ?? setting.default ?? null;
    return {
      name: setting.env,
      value: value === null ? null : mask(setting, value),
      source: text !== undefined ? 'environment' : value !== null ? 'default' : 'unset',
      about: setting.about,
    };
  });
}

/** Returns the `CLIPMILL_…` variables that are not settings and may be misspelled, each with the closest setting. */
export function unknownSettings(environment: Environment): { name: string; meant: string | undefined }[] {
  const known = Object.values<Setting>(settings).map((setting) => setting.env);
  return Object.keys(environment)
    .filter((name) => name.startsWith('CLIPMILL_') && !known.includes(name))
    .map((name) => ({ name, meant: nearest(name, known) }));
}

/** Returns every value of the configuration that must never be printed. */
export function secretsOf(config: Config): string[] {
  const { apiKey, apiToken, awsSecretAccessKey, awsSessionToken, callbackSecrets = [] } = config;
  const urls = [config.redisUrl, config.s3Endpoint, config.baseUrl].filter((url) => url !== undefined);
  const secrets = [
    apiKey,
    apiToken,
    awsSecretAccessKey,
    awsSessionToken,
    ...callbackSecrets,
    ...urls.flatMap(passwordsOf),
  ];
  return secrets.filter((secret) => secret !== undefined);
}

/** Returns the value of a setting. An empty variable counts as unset: shells and compose files leave such variables. */
function readVariable(environment: Environment, setting: Setting): string | undefined {
  const text = environment[setting.env]?.trim();
  return text === '' ? undefined : text;
}

function mask(setting: Setting, text: string): string {
  if (setting.secret === 'password') return withoutPassword(text);
  return setting.secret === 'all' ? '********' : text;
}
