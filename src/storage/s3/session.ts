import type * as Sdk from '@aws-sdk/client-s3';

export interface S3Options {
  bucket: string;
  /** Prefix of every key, without a slash at the end; empty for none. */
  prefix: string;
  /** Default: AWS. */
  endpoint?: string | undefined;
  forcePathStyle?: boolean | undefined;
  /** Default: the region of the AWS configuration; with an endpoint, a value that its service accepts. */
  region?: string | undefined;
  /** Default: the credentials of the standard AWS chain. */
  credentials?: { accessKeyId: string; secretAccessKey: string; sessionToken?: string | undefined } | undefined;
  /** Timeout for opening a connection, in milliseconds. Default 10,000. */
  connectMs?: number | undefined;
  /** Timeout for a connection without traffic, in milliseconds. Default 60,000. */
  silenceMs?: number | undefined;
}

/** The SDK with a client for one bucket. */
export interface S3Session {
  sdk: typeof Sdk;
  client: Sdk.S3Client;
  bucket: string;
  /** Returns the key of a name. */
  keyOf: (name: string) => string;
  /** Returns a URL that is valid without credentials for `seconds`. */
  presign: (request: Sdk.GetObjectCommandInput, seconds: number) => Promise<string>;
  close: () => void;
}

/** Suppresses warnings of the SDK on the console; failures are thrown as errors. */
const silent = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };

/** Opens a session. Loads the SDK here and not at start: that takes longer than loading the rest of clipmill. */
export async function openS3(options: S3Options): Promise<S3Session> {
  // clipmill checks the version of Node itself.
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';
  const [sdk, { openHandler }] = await Promise.all([import('@aws-sdk/client-s3'), import('./http-handler.ts')]);
  const { endpoint, credentials } = options;
  const region = options.region ?? (endpoint === undefined ? undefined : defaultRegion(endpoint));
  const client = new sdk.S3Client({
    logger: silent,
    forcePathStyle: options.forcePathStyle ?? false,
    ...(endpoint !== undefined && { endpoint }),
    ...(region !== undefined && { region }),
    ...(credentials && { credentials: plainCredentials(credentials) }),
    // Default checksums encode a stream as aws-chunked, which many services refuse.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // With Expect: 100-continue, the SDK opens a new connection for each request.
    expectContinueHeader: false,
    requestHandler: openHandler({ connectMs: options.connectMs ?? 10_000, silenceMs: options.silenceMs ?? 60_000 }),
  });
  return {
    sdk,
    client,
    bucket: options.bucket,
    keyOf: (name) => (options.prefix === '' ? name : `${options.prefix}/${name}`),
    async presign(request, seconds) {
      const { getSignedUrl } = await import('@aws-sdk/s3-request-presigner');
      return getSignedUrl(client, new sdk.GetObjectCommand(request), { expiresIn: seconds });
    },
    close: () => client.destroy(),
  };
}

function plainCredentials({ accessKeyId, secretAccessKey, sessionToken }: NonNullable<S3Options['credentials']>) {
  return { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) };
}

/** R2 accepts only `auto`. Most other services accept any region; their own default is us-east-1. */
function defaultRegion(endpoint: string): string {
  return new URL(endpoint).hostname.endsWith('.r2.cloudflarestorage.com') ? 'auto' : 'us-east-1';
}
