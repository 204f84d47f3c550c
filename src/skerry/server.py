"""Runs the application under uvicorn, and ends it so that no request is lost.

SIGTERM: not ready, still serving for the drain delay, then no new connection, then the rest.
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import signal
import socket
import struct
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import uvicorn

from skerry import __version__
from skerry.app import build_admission, build_app, build_immediate, build_parts
from skerry.controlplane.memory import use_one_arena
from skerry.controlplane.views import what_is_missing
from skerry.core.tracing_options import TracingOptions
from skerry.dataplane.threads import quiet_numpy
from skerry.http.context import ServerContext
from skerry.http.protocol import BoundedHttpProtocol
from skerry.settings import Settings
from skerry.telemetry.logs import EventLog, start_log

if TYPE_CHECKING:
    from skerry.telemetry.tracing import Tracing

_BACKLOG = 2048
# libuv accepts one connection of each listener in a turn of the loop, and while the server is busy
# a turn takes milliseconds: a probe's connection would wait behind all others for seconds.
_ACCEPTED_A_TURN = 8
_KEEP_ALIVE_S = 75
_LAST_CONNECTIONS_S = 0.1
_GRACE_S = 1.0
_READY_POLL_S = 0.02


class ListenError(Exception):
    """The address can't be listened on; the text is one line that says why."""


class TracingError(Exception):
    """OpenTelemetry refuses its settings; the text is one line that says why."""


class Server(uvicorn.Server):
    """uvicorn's server, whose end is ``run_server``'s to decide."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave signals alone."""
        yield


def run_server(
    settings: Settings,
    tracing_options: TracingOptions | None = None,
    *,
    on_ready: Callable[[str], None] | None = None,
) -> int:
    """Serve until a signal comes; return the exit code.

    tracing_options: None for no traces.
    on_ready: called once with the base URL when the process first is ready.

    Raises:
        ListenError: the port is taken, or the address is not one of this machine.
        TracingError: OpenTelemetry can't start with its settings.
    """
    listener = listen(settings.host, settings.port)
    use_one_arena()
    quiet_numpy()
    log, writer = start_log(settings.log_format, settings.log_level)
    tracing = None if tracing_options is None else _start_tracing(tracing_options, log)
    parts = build_parts(settings, log, tracing)
    context = parts.context

    class Protocol(BoundedHttpProtocol):
        headers_timeout_s = settings.request_timeout_s
        immediate = build_immediate(settings, parts)
        admission = build_admission(settings, parts)

    config = uvicorn.Config(
        build_app(settings, parts),
        http=Protocol,
        ws="none",
        loop="uvloop",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=max(1, round(settings.shutdown_timeout_s)),
    )
    server = Server(config)
    url = _url(listener)
    log.info("started", version=__version__, url=url, models_dir=str(settings.models_dir))

    async def serve() -> None:
        stop = _Stop(server, context, listener, settings.drain_delay_s)
        stop.install()
        if on_ready is not None:
            stop.keep(asyncio.ensure_future(_tell_when_ready(context, on_ready, url)))
        copies = [listener.dup() for _ in range(_ACCEPTED_A_TURN - 1)]
        await server.serve(sockets=[listener, *copies])

    with suppress(KeyboardInterrupt), asyncio.Runner(loop_factory=config.get_loop_factory()) as run:
        run.run(serve())
    if tracing is not None:
        _flush(tracing)
    log.info("stopped")
    writer.close()
    return 0


def _start_tracing(options: TracingOptions, log: EventLog) -> Tracing:
    try:
        # Not imported where it is not asked for: the SDK takes a third of a second.
        from skerry.telemetry.tracing import start_tracing

        return start_tracing(options, __version__, log)
    except (ValueError, OSError, ImportError) as error:
        raise TracingError(f"OpenTelemetry can't start: {' '.join(str(error).split())}") from error


def _flush(tracing: Tracing) -> None:
    """Export the last spans. A signal that comes meanwhile ends it, and the exit stays a clean one.

    The loop is closed, and with it the handlers that it had.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        tracing.close()


class _Stop:
    """The end of the process, in steps."""

    def __init__(
        self, server: Server, context: ServerContext, listener: socket.socket, delay_s: float
    ) -> None:
        self._server = server
        self._context = context
        self._listener = listener
        self._delay_s = delay_s
        self._signals = 0
        self._hurry = asyncio.Event()
        self._tasks: list[asyncio.Future[None]] = []

    def install(self) -> None:
        """Take SIGTERM and SIGINT."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_signal, number)

    def keep(self, task: asyncio.Future[None]) -> None:
        """Hold a task until the loop ends."""
        self._tasks.append(task)

    def _on_signal(self, number: signal.Signals) -> None:
        self._signals += 1
        if self._signals == 1:
            self._context.log.info("stopping", signal=number.name)
            self._context.life.draining = True
            self.keep(asyncio.ensure_future(self._stop()))
        if self._signals == 2 or number == signal.SIGINT:
            # Somebody wants it to end now: no delay, and a moment for what is in flight.
            self._hurry.set()
            asyncio.get_running_loop().call_later(_GRACE_S, self._force)

    def _force(self) -> None:
        self._server.should_exit = self._server.force_exit = True

    async def _stop(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._hurry.wait(), self._delay_s)
        refuse_new_connections(self._listener)
        # Who connected before gets an answer: by now its request is here, or on its way.
        await asyncio.sleep(_LAST_CONNECTIONS_S)
        self._server.should_exit = True


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket.

    Raises:
        ListenError: it can't be had.
    """
    listener = None
    try:
        info = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.socket(info[0], socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(info[4])
        listener.listen(_BACKLOG)
    except OSError as error:
        if listener is not None:
            listener.close()
        if error.errno == errno.EADDRINUSE:
            raise ListenError(
                f"{host}:{port} is taken: stop what listens there, or choose another --port"
            ) from error
        raise ListenError(f"{host}:{port} can't be listened on: {error.strerror}") from error
    return listener


class _Instruction(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_uint16),
        ("jt", ctypes.c_uint8),
        ("jf", ctypes.c_uint8),
        ("k", ctypes.c_uint32),
    )


# Drops what opens a connection (SYN) and lets everything else through: load byte 13 of the TCP
# header, jump on bit 1, drop or accept. Source: linux/filter.h; RFC 9293, section 3.1.
_DROP_SYN = (_Instruction * 4)(
    _Instruction(0x30, 0, 0, 13),
    _Instruction(0x45, 0, 1, 0x02),
    _Instruction(0x06, 0, 0, 0),
    _Instruction(0x06, 0, 0, 0xFFFFFFFF),
)
_SO_ATTACH_FILTER = 26


def refuse_new_connections(listener: socket.socket) -> bool:
    """Let the kernel ignore new connections while those it has accepted reach the loop.

    Closing a listening socket resets what waits in its backlog: requests that were sent, and
    would be lost. A caller whose SYN is ignored sends it again, and is refused once we are gone.
    Returns False where the platform has no such filter.
    """
    if not sys.platform.startswith("linux"):
        return False
    program = struct.pack("HL", len(_DROP_SYN), ctypes.addressof(_DROP_SYN))
    try:
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
    except OSError:
        return False
    return True


async def _tell_when_ready(
    context: ServerContext, on_ready: Callable[[str], None], url: str
) -> None:
    catalog = context.catalog
    while not catalog.started or what_is_missing(catalog, draining=False):  # noqa: ASYNC110 - it is needed once, by the demo
        await asyncio.sleep(_READY_POLL_S)
    on_ready(url)


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
