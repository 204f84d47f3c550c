"""A receiver of traces that takes them, refuses them, or never answers; it reads no span."""

from __future__ import annotations

import asyncio
import sys

_ANSWERS = {
    "healthy": b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
    "refusing": b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n",
    "hanging": b"",
}


async def main(how: str, port: str) -> None:
    """Listen until the process is ended."""
    answer = _ANSWERS[how]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if head.startswith(b"GET "):  # Whether it is up.
                    writer.write(_ANSWERS["healthy"])
                    continue
                fields = dict(line.split(b": ", 1) for line in head.lower().split(b"\r\n")[1:-2])
                await reader.readexactly(int(fields[b"content-length"]))
                writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", int(port))
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
