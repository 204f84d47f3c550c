"""Where the traffic policy is kept: a file, or an environment variable. The store is the truth."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import yaml

from skerry.core.errors import InvalidPolicy, StoreReadOnly
from skerry.core.traffic import TrafficDocument, generation_of

_MAX_BYTES = 1024 * 1024
# PyYAML raises the last three where a value does not fit its tag: ``!!bool maybe``.
_UNREADABLE = (
    yaml.YAMLError,
    ValueError,
    RecursionError,
    LookupError,
    AttributeError,
    TypeError,
)
_HOW_TO_CHANGE = (
    "change it where it comes from: helm upgrade RELEASE CHART --reuse-values"
    " --set traffic.stable=VERSION, or kubectl edit configmap NAME"
)


@dataclass(frozen=True, slots=True)
class StoreContent:
    """What a store held at one moment.

    generation: of its bytes.
    document: None where they do not validate; ``error`` then says why.
    writable: ``replace`` could succeed.
    """

    kind: str
    generation: str
    document: TrafficDocument | None
    error: str | None = None
    writable: bool = False


class TrafficStore(Protocol):
    """A place that holds the traffic document. All calls block."""

    def read(self) -> StoreContent:
        """Return what it holds; trouble is in the content's ``error``, never raised."""
        ...

    def replace(self, document: TrafficDocument, expected: str) -> StoreContent | None:
        """Write another document in one atomic step, and return what the store holds then.

        expected: generation that the store must still have; None is returned where it has not,
            and nothing is written.

        Raises:
            StoreReadOnly: it can't be written.
            InvalidPolicy: the document is too large to be read again.
        """
        ...


class EnvStore:
    """The document in ``SKERRY_TRAFFIC``; it can't change while the process lives."""

    def __init__(self, text: str) -> None:
        self._content = parse(text.encode(), "env")

    def read(self) -> StoreContent:
        """Return the document."""
        return self._content

    def replace(self, document: TrafficDocument, expected: str) -> StoreContent | None:
        """Refuse."""
        del document, expected
        raise StoreReadOnly(f"the traffic policy comes from SKERRY_TRAFFIC; {_HOW_TO_CHANGE}")


class FileStore:
    """The document in a YAML or JSON file, replaced as a whole: no reader sees half of it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> StoreContent:
        """Return the file's document; no file means no policy."""
        try:
            with self.path.open("rb") as file:
                content = file.read(_MAX_BYTES + 1)
        except FileNotFoundError:
            return StoreContent(
                "default", generation_of(None), TrafficDocument(), writable=self._is_writable()
            )
        except OSError as error:
            reason = f"the traffic file can't be read: {error.strerror}"
            return StoreContent("file", generation_of(None), None, reason)
        return parse(content, "file", writable=self._is_writable())

    def _is_writable(self) -> bool:
        return os.access(self.path.parent, os.W_OK) and not _is_mounted_config(self.path)

    def replace(self, document: TrafficDocument, expected: str) -> StoreContent | None:
        """Write under a lock on the file's directory, which other processes take, too."""
        if not self._is_writable():
            raise StoreReadOnly(f"the traffic file is read-only here; {_HOW_TO_CHANGE}")
        content = yaml.safe_dump(document.to_dict(), sort_keys=False).encode()
        if len(content) > _MAX_BYTES:
            raise InvalidPolicy(
                f"traffic: expected at most {_MAX_BYTES} bytes for all models, got {len(content)}"
            )
        try:
            with _locked(self.path.parent):
                if self.read().generation != expected:
                    return None
                _replace(self.path, content)
        except OSError as error:
            raise StoreReadOnly(
                f"the traffic file can't be written: {error.strerror}; {_HOW_TO_CHANGE}"
            ) from error
        return parse(content, "file", writable=True)


def parse(content: bytes, kind: str, *, writable: bool = False) -> StoreContent:
    """Return the content's document, or the reason why it has none."""
    generation = generation_of(content)
    if len(content) > _MAX_BYTES:
        reason = f"traffic: expected at most {_MAX_BYTES} bytes"
        return StoreContent(kind, generation, None, reason, writable)
    try:
        document = TrafficDocument.from_value(yaml.safe_load(content.decode()))
    except _UNREADABLE as error:
        reason = f"traffic: expected YAML or JSON, got {_first_line(error)}"
        return StoreContent(kind, generation, None, reason, writable)
    except InvalidPolicy as error:
        return StoreContent(kind, generation, None, error.detail, writable)
    return StoreContent(kind, generation, document, None, writable)


def _first_line(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or type(error).__name__
    return f"{problem} in line {mark.line + 1}" if mark is not None else str(problem)


def _is_mounted_config(path: Path) -> bool:
    """Tell a mounted ConfigMap: the file is a link into kubelet's ``..data``."""
    return path.is_symlink() and os.readlink(path).startswith("..data")


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _replace(path: Path, content: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".traffic-", delete=False) as file:
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), 0o644)
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise
