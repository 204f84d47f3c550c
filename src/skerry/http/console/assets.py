"""The console's own files: style, scripts and icon, out of the package."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from importlib import resources
from pathlib import PurePath

MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file. etag: a hash of its content, in quotes."""

    content: bytes
    media_type: str
    etag: str


@functools.cache
def assets() -> dict[str, Asset]:
    """Return every file by its name; they are read once."""
    folder = resources.files(__package__).joinpath("static")
    return {file.name: _asset(file.name, file.read_bytes()) for file in folder.iterdir()}


def _asset(name: str, content: bytes) -> Asset:
    digest = hashlib.sha256(content).hexdigest()[:20]
    return Asset(content, MEDIA_TYPES[PurePath(name).suffix], f'"{digest}"')
