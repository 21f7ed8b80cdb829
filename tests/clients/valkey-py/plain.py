import valkey
from pace import Pace


def connect(host, port):
    return valkey.Valkey(host=host, port=port)


pace = Pace(valkey)
client = connect(*pace.addresses[0])
pace.run(lambda: client.incr("counter"))
