import { describeError } from '../../core/errors.ts';
import { NameError, StorageError } from '../storage.ts';

/** Errors of one transfer: the next try may succeed, and other objects can be stored. */
const transferErrors = new Set([
  'BadDigest',
  'EntityTooLarge',
  'EntityTooSmall',
  'IncompleteBody',
  'InvalidPart',
  'InvalidPartOrder',
  'NoSuchUpload',
  'ConditionalRequestConflict',
  'RequestTimeout',
]);
/** Errors of one name (the last four are MinIO's and Ceph's): no object of that name can exist. */
const nameErrors = new Set([
  'InvalidKey',
  'InvalidObjectName',
  'InvalidURI',
  'KeyTooLong',
  'KeyTooLongError',
  'ObjectNameTooLong',
  'XMinioInvalidObjectName',
  'XMinioParentIsObject',
  'XMinioObjectExistsAsDirectory',
]);
/** Maximum length of a service's text in an error message, in characters. */
const MAX_TEXT = 300;

const wrongRegion = 'Set AWS_REGION to the region of the bucket.';
const wrongKeys =
  'Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or the profile or role that provides them), and S3_ENDPOINT.';
const noBucket = 'Create the bucket, or correct CLIPMILL_STORAGE; some services need S3_FORCE_PATH_STYLE=true.';
const noService = 'Check S3_ENDPOINT and the network; some services need S3_FORCE_PATH_STYLE=true.';
const notAllowed =
  'Allow s3:PutObject, s3:GetObject, s3:ListBucket and s3:AbortMultipartUpload for this bucket and prefix.';

const cures: Record<string, string> = {
  AccessDenied: notAllowed,
  AuthorizationHeaderMalformed: wrongRegion,
  CredentialsProviderError:
    'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give the machine a role.',
  EAI_AGAIN: noService,
  ECONNREFUSED: noService,
  ENOTFOUND: noService,
  ExpiredToken: 'Renew the session token.',
  IllegalLocationConstraintException: wrongRegion,
  InvalidAccessKeyId: wrongKeys,
  InvalidToken: 'Renew the session token.',
  NoSuchBucket: noBucket,
  PermanentRedirect: wrongRegion,
  RequestTimeTooSkewed: "Correct this machine's clock.",
  SignatureDoesNotMatch: wrongKeys,
  TimeoutError: noService,
};
const curesByStatus: Record<number, string> = {
  301: wrongRegion,
  401: wrongKeys,
  403: `${wrongKeys} ${notAllowed}`,
  404: noBucket,
};

interface ServiceFacts {
  codes: string[];
  status: number | undefined;
}

function factsOf(error: unknown): ServiceFacts {
  if (!(error instanceof Error)) return { codes: [], status: undefined };
  const { code, $metadata } = error as { code?: unknown; $metadata?: { httpStatusCode?: number } };
  return {
    codes: [error.name, ...(typeof code === 'string' ? [code] : [])],
    status: $metadata?.httpStatusCode,
  };
}

/**
 * Converts an error of the SDK: to a NameError if it concerns the key, to a plain Error if it concerns one transfer,
 * else to a StorageError.
 */
export function asStorageError(error: unknown, where: string): unknown {
  if (!(error instanceof Error) || error instanceof StorageError || error instanceof NameError) return error;
  const { codes, status } = factsOf(error);
  const message = `${where}: ${describeS3(error, codes, status)}`;
  if (codes.some((code) => nameErrors.has(code))) return new NameError('unusable', message, { cause: error });
  if (codes.some((code) => transferErrors.has(code))) return new Error(message);
  const cure =
    codes.map((code) => cures[code]).find((text) => text !== undefined) ??
    (error.message.includes('Region is missing') ? wrongRegion : undefined) ??
    (status === undefined ? undefined : curesByStatus[status]);
  return new StorageError(message, { ...(cure !== undefined && { cure }), cause: error });
}

/** Returns whether a conditional request was refused because the object exists. */
export function isPrecondition(error: unknown): boolean {
  const { codes, status } = factsOf(error);
  return status === 412 || codes.includes('PreconditionFailed');
}

export function isBadRequest(error: unknown): boolean {
  return factsOf(error).status === 400;
}

/** Returns whether there is no such object. */
export function isMissing(error: unknown): boolean {
  const { codes, status } = factsOf(error);
  return status === 404 && !codes.includes('NoSuchBucket');
}

/** Returns whether there may be no such object: AWS answers 403 to callers that may not list the bucket. */
export function isHidden(error: unknown): boolean {
  return isMissing(error) || factsOf(error).status === 403;
}

/** An answer to HEAD has no body: the SDK names its error `Unknown`, and only the status is known. */
function describeS3(error: Error, codes: readonly string[], status: number | undefined): string {
  const full = describeError(error);
  const text = full.length > MAX_TEXT ? `${full.slice(0, MAX_TEXT)} …` : full;
  const [name = ''] = codes;
  if (name === 'Unknown' || name === 'NotFound' || text === name) return `answered ${status ?? name}`;
  return ['Error', 'TypeError', 'AggregateError'].includes(name) ? text : `${name}: ${text}`;
}
