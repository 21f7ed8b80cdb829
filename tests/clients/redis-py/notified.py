# Two clients of one address with little patience: one asks for notices, and one does not.
import sys
from threading import Thread

import redis
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

PATIENCE = 2
LONG_PATIENCE = 60


def connect(enabled):
    client = redis.Redis(
        host=host,
        port=int(port),
        protocol=3,
        socket_timeout=PATIENCE,
        retry=Retry(NoBackoff(), 0),
        maint_notifications_config=MaintNotificationsConfig(
            enabled=enabled, relaxed_timeout=LONG_PATIENCE
        ),
    )
    client.ping()
    return client


def write(client, name):
    try:
        outcome = client.incr("counter")
    except redis.TimeoutError:
        outcome = "gave up"
    print(f"{name}: {outcome}", flush=True)


host, port = sys.argv[1].rsplit(":", 1)
clients = {"with notices": connect(True), "without notices": connect(False)}
print("connected", flush=True)
sys.stdin.readline()
threads = [Thread(target=write, args=(client, name)) for name, client in clients.items()]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
