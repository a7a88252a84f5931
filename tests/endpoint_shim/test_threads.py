"""The worker's threads know what hangs in them."""

import asyncio
import threading

from endpoint_shim.threads import Threads


async def test_what_is_under_way_is_seen_until_it_returns() -> None:
    threads = Threads()
    asyncio.get_running_loop().set_default_executor(threads)
    release = threading.Event()
    waiting = asyncio.create_task(asyncio.to_thread(release.wait, 10))
    await asyncio.to_thread(lambda: None)
    assert threads.busy and not await threads.rest(0.05)
    waiting.cancel()
    assert not await threads.rest(0.05)
    release.set()
    assert await threads.rest(5) and not threads.busy
