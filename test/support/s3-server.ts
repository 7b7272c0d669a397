import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';

/** A real S3 service with an empty bucket. */
export interface S3Server {
  endpoint: string;
  accessKeyId: string;
  secretAccessKey: string;
  region: string;
  bucket: string;
  stop(): Promise<void>;
}

/**
 * The service named by S3_TEST_ENDPOINT and the AWS variables, or else OpenStack Swift from the
 * system's packages, which checks signatures as AWS does.
 * @returns `undefined` where there is neither; a line is printed then
 */
export async function startS3Server(): Promise<S3Server | undefined> {
  const given = process.env['S3_TEST_ENDPOINT'];
  const server = given === undefined ? await startSwift() : externalServer(given);
  if (!server) {
    process.stderr.write(
      '\n*** S3 IS NOT TESTED: no S3 service is here. On Debian or Ubuntu: apt-get install python3-swift memcached.\n' +
        '*** Elsewhere: set S3_TEST_ENDPOINT, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, for MinIO for example.\n\n',
    );
    return undefined;
  }
  const { endpoint, region, accessKeyId, secretAccessKey, bucket } = server;
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';
  const client = new S3Client({
    endpoint,
    region,
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
  });
  try {
    await client.send(new CreateBucketCommand({ Bucket: bucket }));
    return server;
  } catch (error) {
    await server.stop();
    throw error;
  } finally {
    client.destroy();
  }
}

function externalServer(endpoint: string): S3Server {
  return {
    endpoint,
    region: process.env['AWS_REGION'] ?? 'us-east-1',
    accessKeyId: process.env['AWS_ACCESS_KEY_ID'] ?? '',
    secretAccessKey: process.env['AWS_SECRET_ACCESS_KEY'] ?? '',
    bucket: `clipmill-test-${Date.now()}`,
    stop: () => Promise.resolve(),
  };
}

async function startSwift(): Promise<S3Server | undefined> {
  // The first python3 of the path may be one without the system's packages.
  const python = ['python3', '/usr/bin/python3'].find(
    (name) => spawnSync(name, ['-c', 'import swift'], { stdio: 'ignore' }).status === 0,
  );
  if (python === undefined || spawnSync('memcached', ['-V'], { stdio: 'ignore' }).status !== 0) return undefined;
  const folder = await mkdtemp(join(tmpdir(), 'clipmill-swift-'));
  const folders = [import.meta.dirname, resolve(import.meta.dirname, '../../../test/support')];
  const program = folders.map((place) => join(place, 'swift-server.py')).find((path) => existsSync(path)) ?? '';
  const child = spawn(python, [program, folder], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const stop = async () => {
    child.stdin.end();
    await ended;
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  const endpoint = await Promise.race([
    once(createInterface(child.stdout), 'line').then(([line]) => String(line)),
    ended.then(() => undefined),
  ]);
  if (endpoint === undefined) {
    await stop();
    throw new Error('swift did not start');
  }
  const user = { accessKeyId: 'test:tester', secretAccessKey: 'testing' };
  return { endpoint, region: 'us-east-1', ...user, bucket: 'clips', stop };
}
