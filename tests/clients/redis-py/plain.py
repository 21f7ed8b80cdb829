import redis
from pace import Pace


def connect(host, port):
    return redis.Redis(host=host, port=port)


pace = Pace(redis)
client = connect(*pace.addresses[0])
pace.run(lambda: client.incr("counter"))
