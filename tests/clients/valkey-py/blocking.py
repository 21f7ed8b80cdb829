import valkey
from pace import Pace

# docs: begin
from valkey.backoff import ConstantBackoff
from valkey.exceptions import ConnectionError, TimeoutError
from valkey.retry import Retry
from valkey.sentinel import Sentinel


def connect(sentinels, group):
    return Sentinel(
        sentinels,
        socket_timeout=0.5,
        # Tries are nested three deep: 4 * 4 * 4 of them, 10 ms apart. Many more would be spent on
        # the old address before the Sentinel is asked again.
        retry=Retry(ConstantBackoff(0.01), 3),
        retry_on_error=[ConnectionError, TimeoutError],
    ).master_for(group)
# docs: end

pace = Pace(valkey)
client = connect(pace.sentinels, pace.group)
pace.run(lambda: client.incr("counter"))
