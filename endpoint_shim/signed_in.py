"""Who is or was signed in at the device, for the first screen; a look-up only a worker may make."""

import sys

from endpoint_shim.pipe import Found


async def found() -> Found:
    """Raw names; nothing where nobody is, or it cannot be told."""
    if sys.platform == "win32":
        import asyncio

        from endpoint_shim.windows.signed_in import user as signed_in

        return Found(user=await asyncio.to_thread(signed_in))
    from endpoint_shim.linux.signed_in import user

    return await user()
