import type * as Sdk from '@aws-sdk/client-s3';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';

export interface S3Options {
  bucket: string;
  /** What every key begins with, without a slash at the end; empty for none. */
  prefix: string;
  /** Absent: AWS. */
  endpoint?: string | undefined;
  forcePathStyle?: boolean | undefined;
  /** Absent: as the AWS configuration says, or with an endpoint a value that services accept. */
  region?: string | undefined;
  /** Absent: whatever the standard AWS chain finds. */
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
  /** A URL that anybody can GET for `seconds`. */
  presign: (request: Sdk.GetObjectCommandInput, seconds: number) => Promise<string>;
  close: () => void;
}

/** An idle connection is closed before the server does so just as a clip sets out on it, in milliseconds. */
const IDLE_MS = 4_000;

/** The SDK warns on the console when it likes; what matters reaches us as errors. */
const silent = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };

/** The SDK is loaded only when somebody stores something: it takes longer than the rest of clipmill. */
export async function openS3(options: S3Options): Promise<S3Session> {
  // The versions of Node that clipmill takes are its own affair; a user is not to read about the SDK's.
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';
  const sdk = await import('@aws-sdk/client-s3');
  const { endpoint, credentials } = options;
  const region = options.region ?? (endpoint === undefined ? undefined : defaultRegion(endpoint));
  // How many go at once is decided by who downloads: the SDK's limit of 50 would be a second, hidden one.
  const agent = { keepAlive: true, timeout: IDLE_MS, maxSockets: Number.POSITIVE_INFINITY };
  const client = new sdk.S3Client({
    logger: silent,
    forcePathStyle: options.forcePathStyle ?? false,
    ...(endpoint !== undefined && { endpoint }),
    ...(region !== undefined && { region }),
    ...(credentials && { credentials: plainCredentials(credentials) }),
    // Checksums that nobody asked for turn a stream into aws-chunked, which many services refuse.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // The SDK waits for "100 Continue" only on a connection that it opens for that one request.
    expectContinueHeader: false,
    requestHandler: {
      connectionTimeout: options.connectMs ?? 10_000,
      socketTimeout: options.silenceMs ?? 60_000,
      httpAgent: new HttpAgent(agent),
      httpsAgent: new HttpsAgent(agent),
    },
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
