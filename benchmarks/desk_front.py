"""What speaks TLS before the desk while it is measured: `python -m benchmarks.desk_front PORT DESK_PORT CERT KEY`.

A city puts its own web server there. This one only carries bytes, so that what is measured is the desk and TLS.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import sys
from typing import Final

import uvloop

from siaga.stack.trust import HOST

_READ_BYTES: Final = 65_536


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while data := await reader.read(_READ_BYTES):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(ConnectionError, ssl.SSLError, RuntimeError):
        writer.close()


async def _serve(port: int, desk_port: int, certificate: str, key: str) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            desk_reader, desk_writer = await asyncio.open_connection(HOST, desk_port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_carry(reader, desk_writer), _carry(desk_reader, writer))

    server = await asyncio.start_server(meet, HOST, port, ssl=context)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]))
