import asyncio

import valkey
from pace import Pace

# docs: begin
from valkey.asyncio.retry import Retry
from valkey.asyncio.sentinel import Sentinel
from valkey.backoff import ConstantBackoff
from valkey.exceptions import ConnectionError, TimeoutError


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


async def main():
    pace = Pace(valkey)
    client = connect(pace.sentinels, pace.group)
    await pace.run_async(lambda: client.incr("counter"))
    await client.aclose()


asyncio.run(main())
