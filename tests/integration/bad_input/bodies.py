"""Bodies that are no JSON, not of the schema, or not of the model."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable
from functools import cache, partial
from typing import Any

from tests.integration.bad_input.request import BATCH, BATCH_PATH, JSON, ROW, Bad, Body, Header

MIB = 1024 * 1024
LIMIT = 8 * MIB


def _filled(start: bytes, unit: bytes, end: bytes, size: int = LIMIT) -> bytes:
    """Return a body of as many units as fit the size."""
    return start + unit * ((size - len(start) - len(end)) // len(unit)) + end


def _large(start: bytes, unit: bytes, end: bytes, size: int = LIMIT) -> Callable[[], bytes]:
    return partial(_filled, start, unit, end, size)


def _row(*values: Any) -> bytes:
    return json.dumps({"features": list(values)}).encode()


def _named(**values: Any) -> bytes:
    return json.dumps({"features": values}).encode()


def _rows(*rows: Any) -> bytes:
    return json.dumps({"features": rows}).encode()


def _first(token: bytes) -> bytes:
    """Return a row whose first value is the token."""
    return b'{"features": [' + token + b", 3.5, 1.4, 0.2]}"


GOOD = [5.1, 3.5, 1.4, 0.2]
NAMES = ("x0", "x1", "x2", "x3")
BY_NAME = dict(zip(NAMES, GOOD, strict=True))

_MALFORMED: dict[str, Body] = {
    "empty": b"",
    "spaces": b"   \r\n\t",
    "no-json": b"features=5.1",
    "html": b"<features/>",
    "cut-off-object": b'{"features": [5.1, 3.5, 1.4, 0.2]',
    "cut-off-list": b'{"features": [5.1, 3.5',
    "cut-off-string": b'{"feat',
    "cut-off-escape": b'{"features\\',
    "two-documents": ROW + ROW,
    "trailing-garbage": ROW + b"x",
    "trailing-nul": ROW + b"\0",
    "trailing-comma": b'{"features": [5.1, 3.5, 1.4, 0.2,]}',
    "comma-in-object": b'{"features": [5.1, 3.5, 1.4, 0.2],}',
    "leading-comma": b'{"features": [, 5.1, 3.5, 1.4, 0.2]}',
    "single-quotes": b"{'features': [5.1, 3.5, 1.4, 0.2]}",
    "bare-key": b"{features: [5.1, 3.5, 1.4, 0.2]}",
    "number-as-key": b"{1: [5.1, 3.5, 1.4, 0.2]}",
    "comment": b'{"features": [5.1, 3.5, 1.4, 0.2] /* iris */}',
    "python-true": b'{"features": [5.1, 3.5, 1.4, 0.2], "return_probabilities": True}',
    "undefined": _first(b"undefined"),
    "leading-zero": _first(b"05.1"),
    "plus-sign": _first(b"+5.1"),
    "no-integer-part": _first(b".1"),
    "no-fraction": _first(b"5."),
    "no-exponent": _first(b"5e"),
    "hexadecimal": _first(b"0x1F"),
    "digits-with-underscore": _first(b"5_1"),
    "two-signs": _first(b"--5"),
    "digits-of-another-script": _first(b"\xd9\xa5"),
    "5000-digits": _first(b"1" * 5000),
    "8-mib-of-digits": _large(b'{"features": [', b"1", b"]}"),
    "control-character-in-string": b'{"feat\nures": []}',
    "unknown-escape": b'{"features": ["\\x41"]}',
    "cut-off-unicode-escape": b'{"features": ["\\u00"]}',
    "lone-high-surrogate": b'{"features": ["\\ud800"]}',
    "lone-low-surrogate": b'{"features": ["\\udc00"]}',
    "reversed-surrogates": b'{"features": ["\\udc00\\ud800"]}',
    "lone-surrogate-as-key": b'{"\\ud800": 1}',
    "byte-order-mark": b"\xef\xbb\xbf" + ROW,
    "utf-16": ROW.decode().encode("utf-16"),
    "utf-16-le": ROW.decode().encode("utf-16-le"),
    "utf-32": ROW.decode().encode("utf-32"),
    "utf-7": b"+AHsAIg-features",
    "latin-1": '{"größe": 1}'.encode("latin-1"),
    "invalid-utf-8": b'{"features": ["\xff\xfe"]}',
    "overlong-utf-8": b'{"features": ["\xc0\xaf"]}',
    "surrogate-in-utf-8": b'{"features": ["\xed\xa0\x80"]}',
    "cut-off-utf-8": b'{"features": ["\xe2\x82"]}',
    "nuls": b"\0" * 64,
    "gzip-without-header": gzip.compress(ROW),
    "300-lists-deep": b'{"features": ' + b"[" * 300 + b"]" * 300 + b"}",
    "300-objects-deep": b'{"features": ' + b'{"a":' * 300 + b"1" + b"}" * 301,
    "9000-lists-open": b'{"features": ' + b"[" * 9000,
    "300-lists-deep-beside": b'{"x": ' + b"[" * 300 + b"]" * 300 + b"}",
}

_INVALID: dict[str, bytes] = {
    "null": b"null",
    "true": b"true",
    "number": b"5.1",
    "string": b'"features"',
    "list": b"[5.1, 3.5, 1.4, 0.2]",
    "empty-object": b"{}",
    "no-features": b'{"return_probabilities": true}',
    "other-case": b'{"Features": [5.1, 3.5, 1.4, 0.2]}',
    "v2-request": b'{"inputs": []}',
    "extra-key": b'{"features": [5.1, 3.5, 1.4, 0.2], "version": "v1"}',
    "many-extra-keys": b"{" + b",".join(b'"%d": 1' % i for i in range(9000)) + b"}",
    "long-extra-key": b'{"features": [1,2,3,4], "' + b"k" * 100_000 + b'": 1}',
    "features-null": b'{"features": null}',
    "features-number": b'{"features": 5.1}',
    "features-string": b'{"features": "5.1,3.5,1.4,0.2"}',
    "features-true": b'{"features": true}',
    "last-key-wins": b'{"features": [5.1, 3.5, 1.4, 0.2], "features": 1}',
    "probabilities-string": b'{"features": [5.1, 3.5, 1.4, 0.2], "return_probabilities": "yes"}',
    "probabilities-number": b'{"features": [5.1, 3.5, 1.4, 0.2], "return_probabilities": 1}',
    "probabilities-null": b'{"features": [5.1, 3.5, 1.4, 0.2], "return_probabilities": null}',
    "probabilities-list": b'{"features": [5.1, 3.5, 1.4, 0.2], "return_probabilities": []}',
    "string-value": _row("5.1", 3.5, 1.4, 0.2),
    "long-string-value": _row("a" * 1_000_000, 3.5, 1.4, 0.2),
    "empty-string-value": _row("", 3.5, 1.4, 0.2),
    "string-nan": _row("NaN", 3.5, 1.4, 0.2),
    "true-value": _row(True, 3.5, 1.4, 0.2),
    "list-value": _row([5.1], 3.5, 1.4, 0.2),
    "object-value": _row({"value": 5.1}, 3.5, 1.4, 0.2),
    "deep-value": _first(b"[" * 150 + b"]" * 150),
    "string-by-name": _named(**{**BY_NAME, "x2": "1.4"}),
    "list-by-name": _named(**{**BY_NAME, "x2": [1.4]}),
    "false-by-name": _named(**{**BY_NAME, "x2": False}),
}

_ROWS_WRONG: tuple[tuple[str, str, Body, str], ...] = (
    ("no-values", "wrong-feature-count", _row(), "expected 4, got 0"),
    ("three-values", "wrong-feature-count", _row(*GOOD[:3]), "features: expected 4, got 3"),
    ("five-values", "wrong-feature-count", _row(*GOOD, 1), "expected 4, got 5"),
    ("thousand-values", "wrong-feature-count", _row(*[1] * 1000), "expected 4, got 1000"),
    ("a-batch", "wrong-feature-count", _row(GOOD), "/predict/batch"),
    ("8-mib-of-values", "wrong-feature-count", _large(b'{"features":[', b"1,", b"1]}"), ""),
    ("8-mib-of-lists", "wrong-feature-count", _large(b'{"features":[', b"[],", b"[]]}"), ""),
    ("8-mib-of-objects", "wrong-feature-count", _large(b'{"features":[', b"{},", b"{}]}"), ""),
    ("8-mib-of-strings", "wrong-feature-count", _large(b'{"features":[', b'"a",', b'""]}'), ""),
    ("8-mib-of-nesting", "wrong-feature-count", _large(b'{"features":', b"[", b""), ""),
    ("8-mib-of-keys", "wrong-feature-count", _large(b"{", b'"a":1,', b'"b":1}'), ""),
    (
        "8-mib-of-long-integers",
        "wrong-feature-count",
        _large(b'{"features":[', b"7" * 4000 + b",", b"1]}"),
        "",
    ),
    ("null-value", "non-finite-value", _row(None, 3.5, 1.4, 0.2), "null"),
    ("null-by-name", "non-finite-value", _named(**{**BY_NAME, "x3": None}), "x3"),
    ("nan", "non-finite-value", _first(b"NaN"), "nan"),
    ("infinity", "non-finite-value", _first(b"Infinity"), "inf"),
    ("minus-infinity", "non-finite-value", _first(b"-Infinity"), "-inf"),
    ("1e400", "non-finite-value", _first(b"1e400"), "inf"),
    ("minus-1e400", "non-finite-value", _first(b"-1e400"), "-inf"),
    ("1e999999999", "non-finite-value", _first(b"1e999999999"), "inf"),
    ("10-to-the-400", "non-finite-value", _first(b"1" + b"0" * 400), "an integer of"),
    ("minus-10-to-the-400", "non-finite-value", _first(b"-1" + b"0" * 400), "an integer of"),
    ("4000-digits", "non-finite-value", _first(b"9" * 4000), "an integer of"),
    ("nan-by-name", "non-finite-value", b'{"features": {"x0":NaN,"x1":1,"x2":1,"x3":1}}', "x0"),
    ("nan-for-features", "non-finite-value", b'{"features": NaN}', ""),
    (
        "nan-for-probabilities",
        "non-finite-value",
        b'{"features": [1,2,3,4], "return_probabilities": NaN}',
        "",
    ),
    ("nan-for-body", "non-finite-value", b"NaN", ""),
    ("no-name", "missing-feature", _named(), "x0, x1, x2, x3"),
    ("missing-name", "missing-feature", _named(x0=5.1, x1=3.5, x2=1.4), "x3"),
    ("unknown-name", "unknown-feature", _named(**BY_NAME, x4=1), "x4"),
    ("name-in-other-case", "unknown-feature", _named(X0=1, x1=1, x2=1, x3=1), "X0"),
    ("name-with-space", "unknown-feature", _named(**{"x0 ": 1, "x1": 1, "x2": 1, "x3": 1}), ""),
    ("empty-name", "unknown-feature", _named(**BY_NAME, **{"": 1}), ""),
    ("position-as-name", "unknown-feature", _named(**{"0": 1, "1": 1, "2": 1, "3": 1}), ""),
    ("long-name", "unknown-feature", _named(**{"n" * 100_000: 1}), ""),
    ("many-names", "unknown-feature", _named(**{f"y{i}": 1 for i in range(4000)}), "more"),
    ("dangerous-name", "unknown-feature", _named(__class__=1, __proto__=2), "__class__"),
)

_BATCHES_WRONG: tuple[tuple[str, str, Body, str], ...] = (
    ("none", "empty-batch", _rows(), "at least one row"),
    ("1001-rows", "batch-too-large", _rows(*[GOOD] * 1001), "expected at most 1000 rows, got 1001"),
    ("5000-rows", "batch-too-large", _rows(*[[1]] * 5000), "got 5000"),
    ("8-mib-of-rows", "batch-too-large", _large(b'{"features":[', b"[1,2,3,4],", b"[]]}"), ""),
    ("8-mib-of-lists", "batch-too-large", _large(b'{"features":[', b"[],", b"[]]}"), ""),
    ("8-mib-of-pairs", "batch-too-large", _large(b'{"features":[', b"[[]],", b"[]]}"), ""),
    ("ragged-first", "ragged-batch", _rows([1], GOOD), "features[0]: expected 4, got 1"),
    ("ragged-last", "ragged-batch", _rows(GOOD, GOOD, GOOD[:3]), "features[2]: expected 4, got 3"),
    ("ragged-long", "ragged-batch", _rows(GOOD, [*GOOD, 1]), "features[1]: expected 4, got 5"),
    ("ragged-empty", "ragged-batch", _rows(GOOD, []), "features[1]: expected 4, got 0"),
    ("rows-of-three", "wrong-feature-count", _rows(GOOD[:3], GOOD[:3]), "expected 4, got 3"),
    ("rows-of-none", "wrong-feature-count", _rows([], []), "expected 4, got 0"),
    ("nan-in-row", "non-finite-value", b'{"features": [[1,2,3,4],[1,2,NaN,4]]}', "features[1][2]"),
    ("null-in-row", "non-finite-value", _rows(GOOD, [1, None, 3, 4]), "features[1][1]"),
    ("1e400-in-row", "non-finite-value", b'{"features": [[1,2,3,1e400]]}', "features[0][3]"),
    ("unknown-name", "unknown-feature", _rows(BY_NAME, {**BY_NAME, "y": 1}), "features[1]"),
    ("missing-name", "missing-feature", _rows(BY_NAME, {"x0": 1}), "features[1]"),
    ("nan-for-features", "non-finite-value", b'{"features": NaN}', ""),
)

_BATCHES_INVALID: dict[str, bytes] = {
    "one-row": ROW,
    "one-row-by-name": _named(**BY_NAME),
    "features-null": b'{"features": null}',
    "features-string": b'{"features": "a"}',
    "row-null": _rows(GOOD, None),
    "row-string": _rows(GOOD, "5.1"),
    "row-number": _rows(GOOD, 5),
    "first-row-null": _rows(None, GOOD),
    "string-in-row": _rows(GOOD, [1, 2, "3", 4]),
    "true-in-row": _rows([1, 2, 3, True]),
    "cube": _rows([[1], [2], [3], [4]]),
    "every-value-a-string": _rows(*[["a"] * 4] * 1000),
    "extra-key": b'{"features": [[1,2,3,4]], "batch_size": 1}',
    "two-keys-too-many": b'{"features": [[1,2,3,4]], "a": 1, "b": 2}',
}

GZIP: Header = ("Content-Encoding", "gzip")
DEFLATE: Header = ("Content-Encoding", "deflate")


def _bare_deflate(content: bytes) -> bytes:
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflater.compress(content) + deflater.flush()


@cache
def _bomb(size: int) -> bytes:
    deflater = zlib.compressobj(9, wbits=31)
    parts = [deflater.compress(b" " * MIB) for _ in range(size // MIB)]
    return b"".join([*parts, deflater.flush()])


def _corrupted(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :]


def _compressed(name: str, body: Body, header: Header = GZIP, status: int = 400) -> Bad:
    slug = "bad-encoding" if status == 400 else "body-too-large"
    return Bad(name, status, slug, body, (JSON, header))


COMPRESSED = (
    _compressed("gzip-of-nothing", b""),
    _compressed("gzip-that-is-plain", ROW),
    _compressed("gzip-cut-off", gzip.compress(ROW)[:-9]),
    _compressed("gzip-without-checksum", gzip.compress(ROW)[:-8]),
    _compressed("gzip-header-only", gzip.compress(ROW)[:10]),
    _compressed("gzip-corrupted", _corrupted(gzip.compress(ROW), 15)),
    _compressed("gzip-wrong-checksum", _corrupted(gzip.compress(ROW), -8)),
    _compressed("gzip-wrong-length", _corrupted(gzip.compress(ROW), -4)),
    _compressed("gzip-with-garbage", gzip.compress(ROW) + b"x"),
    _compressed("gzip-twice-in-a-row", gzip.compress(ROW) + gzip.compress(ROW)),
    _compressed("gzip-that-is-deflate", zlib.compress(ROW)),
    _compressed("deflate-that-is-gzip", gzip.compress(ROW), DEFLATE),
    _compressed("deflate-that-is-plain", ROW, DEFLATE),
    _compressed("deflate-of-nothing", b"", DEFLATE),
    _compressed("deflate-cut-off", zlib.compress(ROW)[:-5], DEFLATE),
    _compressed("deflate-corrupted", _corrupted(zlib.compress(ROW), -1), DEFLATE),
    _compressed("deflate-with-garbage", zlib.compress(ROW) + b"x", DEFLATE),
    _compressed("bare-deflate-cut-off", _bare_deflate(ROW)[:-3], DEFLATE),
    _compressed("bomb-just-too-large", partial(_bomb, 9 * MIB), status=413),
    _compressed("bomb-of-1-gib", partial(_bomb, 1024 * MIB), status=413),
    Bad(
        "bomb-of-nesting",
        400,
        "wrong-feature-count",
        lambda: gzip.compress(_filled(b'{"features":', b"[", b"", 7 * MIB)),
        (JSON, GZIP),
    ),
    Bad("bomb-of-spaces", 400, "malformed-json", lambda: _bomb(7 * MIB), (JSON, GZIP)),
    Bad("gzip-in-gzip", 400, "malformed-json", gzip.compress(gzip.compress(ROW)), (JSON, GZIP)),
)

BODIES = (
    *(Bad(f"json-{name}", 400, "malformed-json", body) for name, body in _MALFORMED.items()),
    *(Bad(f"body-{name}", 422, "invalid-body", body) for name, body in _INVALID.items()),
    *(Bad(f"row-{n}", 400, slug, body, says=says) for n, slug, body, says in _ROWS_WRONG),
    *(
        Bad(f"batch-{n}", 400, slug, body, path=BATCH_PATH, says=says)
        for n, slug, body, says in _BATCHES_WRONG
    ),
    *(
        Bad(f"batch-{name}", 422, "invalid-body", body, path=BATCH_PATH)
        for name, body in _BATCHES_INVALID.items()
    ),
    Bad("a-batch-for-predict", 400, "wrong-feature-count", BATCH, says="/predict/batch"),
)
