# SPDX-License-Identifier: GPL-2.0
# requests.py URL COUNT FLYING: requests of HTTP/2 by httpx on one connection, so many in flight.
import asyncio, sys
import httpx

url, count, flying = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])

async def some(client, left):
    for _ in left:
        (await client.get(url)).raise_for_status()

async def main():
    async with httpx.AsyncClient(http2=True, verify=False, timeout=60) as client:
        left = iter(range(count))
        await asyncio.gather(*(some(client, left) for _ in range(flying)))

asyncio.run(main())
