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
        # One retry after 10 ms; by default there is none. Retries are nested three deep, and the
        # innermost use the address that is known, so more of them make an outage longer.
        retry=Retry(ConstantBackoff(0.01), 1),
        retry_on_error=[ConnectionError, TimeoutError],
    ).master_for(group)
# docs: end

pace = Pace(valkey)
client = connect(pace.addresses, pace.group)
pace.run(lambda: client.incr("counter"))
