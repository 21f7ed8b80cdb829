import asyncio

import redis
from pace import Pace

# docs: begin
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import ExponentialBackoff, NoBackoff


def connect(sentinels, group):
    return Sentinel(
        sentinels,
        # The next Sentinel is asked at once; the default waits for seconds.
        sentinel_kwargs={"socket_timeout": 0.5, "retry": Retry(NoBackoff(), 1)},
        socket_timeout=0.5,
        # Ten times, from 10 ms to 200 ms apart; the default begins with up to a second.
        retry=Retry(ExponentialBackoff(cap=0.2, base=0.005), 10),
    ).master_for(group)
# docs: end


async def main():
    pace = Pace(redis)
    client = connect(pace.sentinels, pace.group)
    await pace.run_async(lambda: client.incr("counter"))
    await client.aclose()


asyncio.run(main())
