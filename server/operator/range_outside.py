"""The range's outside: a web server that the device reaches, and an attacker who has a shell on it.

Every second the attacker has the shell say that it lives, and his log says when it does not: so a
person who isolates the device sees it die.
"""

import argparse
import asyncio
import contextlib
import sys

PAGE = b"<!doctype html><title>outside</title>the range's web server\n"
EVERY_S, SILENT_S = 1.0, 3.0


def main() -> None:
    """Serves until it is ended; the ports are told on standard output, a line each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(parser.parse_args().address))


async def _serve(address: str) -> None:
    web = await asyncio.start_server(_page, address, 0)
    attacker = await asyncio.start_server(_shell, address, 0)
    ports = [server.sockets[0].getsockname()[1] for server in (web, attacker)]
    print(*ports, flush=True)
    async with web, attacker:
        await asyncio.gather(web.serve_forever(), attacker.serve_forever())


async def _page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError, TimeoutError, asyncio.IncompleteReadError):
        async with asyncio.timeout(10):
            await reader.readuntil(b"\r\n\r\n")
            head = f"HTTP/1.0 200 OK\r\nContent-Length: {len(PAGE)}\r\n\r\n".encode()
            writer.write(head + PAGE)
            await writer.drain()
    writer.close()


async def _shell(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One shell that connected back; whether it still answers is a line each time it changes."""
    print("attacker: a shell has connected", file=sys.stderr, flush=True)
    alive, number = True, 0
    try:
        while True:
            number += 1
            writer.write(b"echo alive %d\n" % number)
            try:
                async with asyncio.timeout(SILENT_S):
                    await writer.drain()
                    lives = await _answers(reader, b"alive %d\n" % number)
            except TimeoutError:
                lives = False
            if lives != alive:
                alive = lives
                words = "answers again" if alive else "does not answer any more"
                print(f"attacker: the shell {words}", file=sys.stderr, flush=True)
            if reader.at_eof():
                return
            await asyncio.sleep(EVERY_S)
    except ConnectionError as error:
        print(f"attacker: the shell is gone: {error}", file=sys.stderr, flush=True)
    finally:
        writer.close()


async def _answers(reader: asyncio.StreamReader, wanted: bytes) -> bool:
    """Whether this answer comes; those before it say nothing of now. False at the line's end."""
    while line := await reader.readline():
        if line.endswith(wanted):
            return True
    return False


if __name__ == "__main__":
    main()
