/**
 * Query parameters whose values make a URL a bearer of rights, by what they are called in any case: signatures,
 * policies and tokens of AWS, GCS, Azure, Alibaba, Tencent, Akamai, CloudFront and others.
 */
const rights = [
  'x-(?:amz|goog|oss|cos|tos|obs)-[\\w-]{1,60}',
  'q-(?:signature|ak|key-time|sign-time)',
  '(?:access_?|auth_?|refresh_?|id_?|security_?|session_?)?tokens?',
  '[\\w-]{0,20}-token',
  'sig',
  'sign',
  'signature',
  'policy',
  'key-pair-id',
  'auth',
  'auth_?key',
  'authorization',
  'api_?key',
  'access_?key',
  'secret',
  '(?:client|ws|tx)_?secret',
  'pass(?:word|wd)?',
  'pwd',
  'jwt',
  'hdn(?:ts|ea|tl)',
].join('|');

/** A query parameter, plain or percent-encoded within another URL. */
const signedQuery = new RegExp(
  `((?:[?&;]|%3F|%26|\\\\u0026|\\b(?=x-(?:amz|goog)-))(?:${rights})(?:=|%3D))[^&"'\\\\\\s]+`,
  'gi',
);

/** The path of a callback URL, `/cb/1/REF/MAC`: its last segments are the right to wake an attempt. */
const callbackPath = /((?:\/|%2F)cb(?:\/|%2F)1(?:\/|%2F))[\w-]+(?:(?:\/|%2F)[\w-]*)?/gi;

/** User and password of a URL; a password may have an "@" in it that should have been encoded. */
const userInfo = /(:\/\/(?:[^\s/?#"'<>:@]*:)?)[^\s/?#"'<>]+@/g;

/** Returns a text with every signature, token and password of the URLs in it hidden. Linear in its length. */
export function withoutSignatures(text: string): string {
  return text
    .replaceAll(signedQuery, '$1[secret]')
    .replaceAll(callbackPath, '$1[secret]')
    .replaceAll(userInfo, '$1[secret]@');
}

/** Returns the URL of a setting as it may be printed, however its password is spelt. */
export function withoutPassword(url: string): string {
  // In a setting the last "@" ends the user, also where a password has "/", "?" or "#" in it.
  return withoutSignatures(url.replace(/^([a-z][a-z0-9+.-]*:\/\/)([^:@/]*:)?.*@/is, '$1$2[secret]@')).replaceAll(
    '[secret]',
    '********',
  );
}

/** Returns the passwords of the URL of a setting, as written and decoded: values that no line may contain. */
export function passwordsOf(url: string): string[] {
  const user = /^[a-z][a-z0-9+.-]*:\/\/(.*)@/is.exec(url)?.[1] ?? '';
  const found = user.includes(':') ? [user.slice(user.indexOf(':') + 1)] : [];
  for (const match of url.matchAll(/[?&](?:password|pass|token|secret)=([^&#]+)/gi)) found.push(match[1] ?? '');
  // A short one would hide half of every line.
  return [...new Set(found.flatMap((text) => [text, decoded(text)]))].filter((text) => text.length >= 4);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Replaces every secret in a text, wherever it stands: in a message, an error, a URL. */
export function scrubber(secrets: readonly string[]): (text: string) => string {
  const hidden = secrets.filter((secret) => secret.length > 0);
  return (text) => withoutSignatures(hidden.reduce((line, secret) => line.replaceAll(secret, '[secret]'), text));
}
