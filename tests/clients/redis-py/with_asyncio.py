import asyncio

import redis
from pace import Pace

# docs: begin
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import ConstantBackoff, NoBackoff


def connect(sentinels, group):
    return Sentinel(
        sentinels,
        # The next Sentinel is asked at once; the default waits for seconds.
        sentinel_kwargs={"socket_timeout": 0.5, "retry": Retry(NoBackoff(), 1)},
        socket_timeout=0.5,
        # One retry after 10 ms. Retries of a command use the address that it had, and only the next
        # command asks the Sentinel again, so more of them make an outage longer.
        retry=Retry(ConstantBackoff(0.01), 1),
    ).master_for(group)
# docs: end


async def main():
    pace = Pace(redis)
    client = connect(pace.addresses, pace.group)
    await pace.run_async(lambda: client.incr("counter"))
    await client.aclose()


asyncio.run(main())
