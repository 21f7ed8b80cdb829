# As plain.py, and asks for notices: without them it does not begin. It needs no address to move to, and
# repeats nothing.
import redis
from pace import Pace
from redis.backoff import NoBackoff
from redis.maint_notifications import EndpointType, MaintNotificationsConfig
from redis.retry import Retry


def connect(host, port):
    return redis.Redis(
        host=host,
        port=port,
        protocol=3,
        retry=Retry(NoBackoff(), 0),
        maint_notifications_config=MaintNotificationsConfig(
            enabled=True, endpoint_type=EndpointType.NONE
        ),
    )


pace = Pace(redis)
client = connect(*pace.addresses[0])
pace.run(lambda: client.incr("counter"))
