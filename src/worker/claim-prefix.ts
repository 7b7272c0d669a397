import type { App } from '../app.ts';
import { accountSecret, type Config } from '../config/config.ts';
import { UserError } from '../core/errors.ts';
import type { Storage } from '../storage/storage.ts';

/**
 * Ties the prefix to the API account and the storage of this process, or compares them with those that it is tied
 * to: with two keys on one prefix, clips of one account would be billed to the other.
 * @param acceptNewKey whether a further key of the account is accepted
 * @throws UserError when the prefix belongs to another account
 */
export async function claimPrefix(app: App, storage: Pick<Storage, 'locate'>, acceptNewKey: boolean): Promise<void> {
  const { config, installation, log } = app;
  const claim = await installation.claimAccount(accountSecret(config), acceptNewKey || (config.acceptKey ?? false));
  if (!claim.ok) throw otherAccount(config, claim.fingerprint, claim.remembered);
  const place = storage.locate('');
  const before = await installation.claimStorage(place);
  if (before !== undefined) {
    log.warn({ before, now: place }, 'clips went to another storage so far: those that are done stay there');
  }
}

function otherAccount({ prefix }: Config, fingerprint: string, remembered: string): UserError {
  return new UserError(
    `the prefix "${prefix}" of this Redis belongs to another API account or key (fingerprint ${remembered}, this one is ${fingerprint}): nothing was sent`,
    {
      cure: `For another account, set another CLIPMILL_PREFIX. For a new key of the same account, accept it once with --accept-new-key, or set CLIPMILL_ACCEPT_KEY=${fingerprint}.`,
    },
  );
}
