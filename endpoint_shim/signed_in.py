"""Who is signed in at the device, for the first screen; a look-up that only a worker may make."""

import sys


async def user() -> str:
    """One name, or nothing where nobody is or it cannot be told."""
    if sys.platform == "win32":
        import asyncio

        from endpoint_shim.windows.signed_in import user as signed_in

        return await asyncio.to_thread(signed_in)
    from endpoint_shim.linux.signed_in import user

    return await user()
