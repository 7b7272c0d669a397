/**
 * Query parameters whose values grant access, by name in any case: signatures, policies and tokens of AWS, GCS, Azure,
 * Alibaba, Tencent, Akamai, CloudFront and others.
 */
const secretParameters = [
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

/** One of these parameters in a URL, or percent-encoded in the query of another URL. */
const signedQuery = new RegExp(
  `((?:[?&;]|%3F|%26|\\\\u0026|\\b(?=x-(?:amz|goog)-))(?:${secretParameters})(?:=|%3D))[^&"'\\\\\\s]+`,
  'gi',
);

/** The path of a callback URL, `/cb/1/REF/MAC`, whose last segments authorize a callback for an attempt. */
const callbackPath = /((?:\/|%2F)cb(?:\/|%2F)1(?:\/|%2F))[\w-]+(?:(?:\/|%2F)[\w-]*)?/gi;

/** User and password of a URL. The password may contain an "@" that should have been encoded. */
const userInfo = /(:\/\/(?:[^\s/?#"'<>:@]*:)?)[^\s/?#"'<>]+@/g;

/** Redacts every signature, token and password of the URLs in a text, in time linear in its length. */
export function withoutSignatures(text: string): string {
  return text
    .replaceAll(signedQuery, '$1[secret]')
    .replaceAll(callbackPath, '$1[secret]')
    .replaceAll(userInfo, '$1[secret]@');
}

/** Masks the password in the URL of a setting, even if its special characters are not encoded. */
export function withoutPassword(url: string): string {
  // In a setting the last "@" ends the credentials, even if the password contains "/", "?" or "#".
  return withoutSignatures(url.replace(/^([a-z][a-z0-9+.-]*:\/\/)([^:@/]*:)?.*@/is, '$1$2[secret]@')).replaceAll(
    '[secret]',
    '********',
  );
}

/** Returns the passwords in the URL of a setting, as written and decoded, for redaction. */
export function passwordsOf(url: string): string[] {
  const user = /^[a-z][a-z0-9+.-]*:\/\/(.*)@/is.exec(url)?.[1] ?? '';
  const found = user.includes(':') ? [user.slice(user.indexOf(':') + 1)] : [];
  for (const match of url.matchAll(/[?&](?:password|pass|token|secret)=([^&#]+)/gi)) found.push(match[1] ?? '');
  // Redacting a short password would garble unrelated text.
  return [...new Set(found.flatMap((text) => [text, decoded(text)]))].filter((text) => text.length >= 4);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Returns a function that redacts these secrets, and those of URLs, in a text. */
export function scrubber(secrets: readonly string[]): (text: string) => string {
  const hidden = secrets.filter((secret) => secret.length > 0);
  return (text) => withoutSignatures(hidden.reduce((line, secret) => line.replaceAll(secret, '[secret]'), text));
}
