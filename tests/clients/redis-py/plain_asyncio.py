import asyncio

import redis.asyncio
from pace import Pace


def connect(host, port):
    return redis.asyncio.Redis(host=host, port=port)


async def main():
    pace = Pace(redis)
    client = connect(*pace.addresses[0])
    await pace.run_async(lambda: client.incr("counter"))
    await client.aclose()


asyncio.run(main())
