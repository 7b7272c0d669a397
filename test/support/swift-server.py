"""OpenStack Swift with its S3 API on loopback, in one folder: python3 swift-server.py FOLDER

Prints the URL once it answers, and ends with its standard input, so that it never outlives the tests.
The one user is test:tester with the secret testing; everything goes to FOLDER, nothing to /etc or syslog.
"""
import getpass
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

FOLDER = os.path.abspath(sys.argv[1])
SERVERS = ('proxy', 'account', 'container', 'object')
COMMON = """
[DEFAULT]
swift_dir = {folder}
devices = {folder}/devices
mount_check = false
user = {user}
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
log_level = CRITICAL
disable_fallocate = true
fallocate_reserve = 0
"""
STORAGE = """
[pipeline:main]
pipeline = {name}-server
[app:{name}-server]
use = egg:swift#{name}
replication_concurrency = 0
"""
PROXY = """
[pipeline:main]
pipeline = catch_errors cache listing_formats s3api tempauth copy slo proxy-server
[app:proxy-server]
use = egg:swift#proxy
allow_account_management = true
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:{memcached}
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
[filter:copy]
use = egg:swift#copy
[filter:slo]
use = egg:swift#slo
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def write(name, text):
    with open(os.path.join(FOLDER, name), 'w') as out:
        out.write(text)


def prepare(ports):
    os.makedirs(os.path.join(FOLDER, 'devices', 'disk'))
    write('swift.conf', '[swift-hash]\nswift_hash_path_prefix = a\nswift_hash_path_suffix = b\n')
    for name in SERVERS:
        text = COMMON + (PROXY if name == 'proxy' else STORAGE)
        write(name + '.conf', text.format(
            folder=FOLDER, user=getpass.getuser(), port=ports[name], name=name, memcached=ports['memcached']))
    from swift.common.ring import RingBuilder
    for name in SERVERS[1:]:
        ring = RingBuilder(2, 1, 0)
        ring.add_dev({'id': 0, 'region': 1, 'zone': 1, 'ip': '127.0.0.1', 'port': ports[name],
                      'device': 'disk', 'weight': 1, 'meta': ''})
        ring.rebalance()
        ring.get_ring().save(os.path.join(FOLDER, name + '.ring.gz'))


def serve(name):
    from swift.common import utils
    utils.set_swift_dir(FOLDER)
    from swift.common.wsgi import run_wsgi
    sys.exit(run_wsgi(os.path.join(FOLDER, name + '.conf'), name + '-server'))


def answers(port):
    try:
        urllib.request.urlopen('http://127.0.0.1:%d/' % port, timeout=5)
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def main():
    ports = {name: free_port() for name in SERVERS + ('memcached',)}
    prepare(ports)
    children = [subprocess.Popen(
        ['memcached', '-l', '127.0.0.1', '-p', str(ports['memcached']), '-m', '16', '-u', getpass.getuser()],
        stdin=subprocess.DEVNULL)]
    for name in SERVERS:
        children.append(subprocess.Popen([sys.executable, __file__, FOLDER, name], stdin=subprocess.DEVNULL,
                                         stdout=subprocess.DEVNULL, stderr=sys.stderr, start_new_session=True))
    try:
        deadline = time.time() + 30
        while not all(answers(ports[name]) for name in SERVERS):
            if time.time() > deadline or any(child.poll() is not None for child in children):
                sys.exit('swift did not start')
            time.sleep(0.05)
        print('http://127.0.0.1:%d' % ports['proxy'], flush=True)
        sys.stdin.read()
    finally:
        for child in children:
            child.send_signal(signal.SIGKILL)
            child.wait()


if __name__ == '__main__':
    if len(sys.argv) > 2:
        serve(sys.argv[2])
    else:
        main()
