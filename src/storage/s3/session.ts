import type * as Sdk from '@aws-sdk/client-s3';

export interface S3Options {
  bucket: string;
  /** Prefix of every key, without a slash at the end; empty for none. */
  prefix: string;
  /** Absent: AWS. */
  endpoint?: string | undefined;
  forcePathStyle?: boolean | undefined;
  /** Absent: that of the AWS configuration, or with an endpoint a value that services accept. */
  region?: string | undefined;
  /** Default: those that the standard AWS chain finds. */
  credentials?: { accessKeyId: string; secretAccessKey: string; sessionToken?: string | undefined } | undefined;
  /** For a connection to open, in milliseconds. Default 10,000. */
  connectMs?: number | undefined;
  /** Longest silence on a connection that is in use, in milliseconds. Default 60,000. */
  silenceMs?: number | undefined;
}

/** The SDK with a client for one bucket. */
export interface S3Session {
  sdk: typeof Sdk;
  client: Sdk.S3Client;
  bucket: string;
  /** The key of a name. */
  keyOf: (name: string) => string;
  /** A URL that needs no credentials for `seconds`. */
  presign: (request: Sdk.GetObjectCommandInput, seconds: number) => Promise<string>;
  close: () => void;
}

/** The SDK prints warnings on the console; what matters arrives as errors. */
const silent = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };

/** Loads the SDK only when something is stored: that takes longer than the rest of clipmill. */
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
    // The SDK waits for "100 Continue" only on a connection that it opens for that one request.
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

/** R2 knows `auto` alone; most others take anything, and call it us-east-1 themselves. */
function defaultRegion(endpoint: string): string {
  return new URL(endpoint).hostname.endsWith('.r2.cloudflarestorage.com') ? 'auto' : 'us-east-1';
}
