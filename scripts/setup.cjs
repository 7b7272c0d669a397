// Makes a fresh clone ready, as `npm run demo` and `npm test` need it: checks Node, installs the
// packages, installs a Redis where there is none (after asking, unless it runs as root), and builds. With the
// argument `test` it also installs an S3 service to test against, where that is easy. Written for any Node, so
// that an old one prints what is wrong instead of a syntax error.
'use strict';
var child = require('child_process');
var fs = require('fs');

var MIN_NODE = [20, 19];

function say(text) {
  process.stderr.write(text + '\n');
}

function fail(text) {
  say('error: ' + text);
  process.exit(2);
}

function run(command, args) {
  var result = child.spawnSync(command, args, { stdio: ['ignore', 2, 2] });
  return result.status === 0;
}

function has(program) {
  return child.spawnSync('sh', ['-c', 'command -v ' + program], { stdio: 'ignore' }).status === 0;
}

function checkNode() {
  var version = process.versions.node.split('.').map(Number);
  if (version[0] > MIN_NODE[0] || (version[0] === MIN_NODE[0] && version[1] >= MIN_NODE[1])) return;
  fail(
    'clipmill needs Node ' +
      MIN_NODE.join('.') +
      ' or newer, and this is ' +
      process.versions.node +
      '.\n  Install a newer one (https://nodejs.org, or: nvm install 24) and try again.',
  );
}

// npm keeps a copy of the lock file of what it installed: newer sources of truth mean another install.
function installPackages() {
  var installed = 'node_modules/.package-lock.json';
  var current = fs.existsSync(installed) && fs.statSync(installed).mtimeMs >= fs.statSync('package-lock.json').mtimeMs;
  if (current) return;
  say('installing packages …');
  if (!run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'])) fail('`npm ci` failed: see above.');
}

// Asks on the terminal; where there is none, the answer is no.
function agrees(question) {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return false;
  process.stderr.write(question + ' [y/N] ');
  var answer = Buffer.alloc(16);
  try {
    return /^y/i.test(answer.toString('utf8', 0, fs.readSync(0, answer, 0, answer.length)));
  } catch (error) {
    return error === undefined;
  }
}

// Some packages start a server of their own at once; clipmill starts private ones and needs none.
function stopService(name, sudo) {
  var stop =
    has('systemctl') && fs.existsSync('/run/systemd/system')
      ? ['systemctl', 'disable', '--now', name]
      : ['service', name, 'stop'];
  if (!has(stop[0])) return;
  var command = sudo.concat(stop);
  child.spawnSync(command[0], command.slice(1), { stdio: 'ignore' });
}

function installRedis() {
  if (has('redis-server') || has('valkey-server')) return;
  var isRoot = process.getuid && process.getuid() === 0;
  var sudo = isRoot ? [] : ['sudo'];
  var ways = [
    { tool: 'brew', steps: [['brew', 'install', 'redis']] },
    {
      tool: 'apt-get',
      steps: [
        sudo.concat(['apt-get', 'update', '-qq']),
        sudo.concat(['apt-get', 'install', '-y', '-qq', '--no-install-recommends', 'redis-server']),
      ],
    },
    { tool: 'apk', steps: [sudo.concat(['apk', 'add', '--no-progress', 'redis'])] },
    { tool: 'dnf', steps: [sudo.concat(['dnf', 'install', '-y', '-q', 'redis'])] },
  ];
  for (var i = 0; i < ways.length; i++) {
    if (!has(ways[i].tool)) continue;
    var commands = ways[i].steps.map(function (step) {
      return step.join(' ');
    });
    if (!isRoot && !agrees('Redis is needed, and is not installed. Run `' + commands.join(' && ') + '`?')) {
      fail(
        'neither redis-server nor valkey-server is installed. Install one and try again:\n  ' + commands.join('\n  '),
      );
    }
    say('installing redis-server with ' + ways[i].tool + ' …');
    for (var j = 0; j < ways[i].steps.length; j++) run(ways[i].steps[j][0], ways[i].steps[j].slice(1));
    if (has('redis-server') || has('valkey-server')) {
      stopService('redis-server', sudo);
      return;
    }
  }
  fail(
    'neither redis-server nor valkey-server is installed, and installing one did not work.\n' +
      '  Install Redis 6.2 or newer (https://redis.io/docs/latest/operate/oss_and_stack/install/) and try again.',
  );
}

// OpenStack Swift: its packages are small, and it checks signatures. Without it the tests say that S3
// was left out.
function installSwift() {
  var isRoot = process.getuid && process.getuid() === 0;
  if (process.env.S3_TEST_ENDPOINT || !has('apt-get') || !isRoot) return;
  var known = child.spawnSync('/usr/bin/python3', ['-c', 'import swift'], { stdio: 'ignore' }).status === 0;
  var memcached = has('memcached');
  if (known && memcached) return;
  say('installing an S3 service for the tests (python3-swift, memcached) …');
  run('apt-get', ['update', '-qq']);
  run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'python3-swift', 'memcached']);
  if (!memcached) stopService('memcached', []);
}

function build() {
  say('building …');
  if (!run('npm', ['run', '--silent', 'build'])) fail('the build failed: see above.');
}

process.chdir(require('path').join(__dirname, '..'));
checkNode();
installPackages();
installRedis();
if (process.argv[2] === 'test') installSwift();
build();
