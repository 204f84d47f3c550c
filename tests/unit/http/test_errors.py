"""Every error has one place in the table, and the table is the documented one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from skerry.core import errors
from skerry.core.errors import LoadError, Mismatch, SkerryError
from skerry.http.context import RequestRecord
from skerry.http.errors import MEDIA_TYPE, TABLE, kind_of, problem

DOCUMENT = Path(__file__).parents[3] / "docs" / "errors.md"
SLUGS = """
400 malformed-json wrong-feature-count ragged-batch empty-batch batch-too-large non-finite-value
400 value-out-of-range unknown-feature missing-feature unknown-category conflicting-version
400 bad-header bad-encoding
401 unauthorized
403 mutations-disabled
404 model-not-found version-not-found route-not-found
405 method-not-allowed
408 body-timeout
409 store-read-only version-not-ready nothing-to-roll-back
412 generation-changed
413 body-too-large
415 unsupported-media-type
422 invalid-body invalid-policy
429 queue-full
431 headers-too-large
500 model-error internal
503 model-not-ready
504 deadline-exceeded
"""


def below(parent: type[SkerryError]) -> Iterator[type[SkerryError]]:
    for child in parent.__subclasses__():
        yield child
        yield from below(child)


def record() -> RequestRecord:
    return RequestRecord("an-id", 0.0, "POST", 0.5)


ANSWERED = [
    *below(errors.RequestError),
    *below(errors.ServerError),
]


def test_every_error_is_in_the_tree() -> None:
    roots = {errors.RequestError, errors.ServerError, LoadError}

    assert roots == set(SkerryError.__subclasses__())


@pytest.mark.parametrize("error", ANSWERED, ids=[error.__name__ for error in ANSWERED])
def test_every_error_that_reaches_a_caller_is_in_the_table(error: type[SkerryError]) -> None:
    assert error in TABLE
    assert TABLE[error] is kind_of(error("a sentence"))


def test_the_table_has_the_documented_slugs_and_no_other() -> None:
    documented = {
        (int(line.split()[0]), slug) for line in SLUGS.split("\n") for slug in line.split()[1:]
    }

    assert documented == {(kind.status, kind.slug) for kind in TABLE.values()}
    assert len(documented) == len(TABLE)


def test_every_slug_has_its_section_in_the_documentation() -> None:
    sections = re.findall(r"^### (\S+)$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)

    assert sorted(sections) == sorted(kind.slug for kind in TABLE.values())


def test_a_load_error_that_reached_a_caller_would_be_internal() -> None:
    assert "internal" == kind_of(errors.Unreadable("a sentence")).slug


def test_a_problem_has_every_member() -> None:
    noted = record()
    error = errors.WrongFeatureCount.at(("features",), "4", "3")

    status, body, headers = problem(error, noted)

    assert {
        "type": "urn:skerry:error:wrong-feature-count",
        "title": "Wrong feature count",
        "status": 400,
        "detail": "features: expected 4, got 3",
        "request_id": "an-id",
        "errors": [{"loc": ["features"], "expected": "4", "got": "3"}],
    } == json.loads(body)
    assert (400, {"content-type": MEDIA_TYPE}) == (status, headers)
    assert "wrong-feature-count" == noted.error


@pytest.mark.parametrize(
    ("error", "header", "value"),
    [
        (errors.Unauthorized("no"), "www-authenticate", "Bearer"),
        (errors.ModelNotReady("no", retry_after_s=1), "retry-after", "1"),
        (errors.QueueFull("no", retry_after_s=3), "retry-after", "3"),
        (errors.BodyTimeout("no"), "connection", "close"),
    ],
)
def test_a_problem_has_the_headers_of_its_status(
    error: SkerryError, header: str, value: str
) -> None:
    _, _, headers = problem(error, record())

    assert value == headers[header]


def test_a_problem_stays_small() -> None:
    mismatches = tuple(Mismatch(("features", i), "a", "b") for i in range(1000))

    _, body, _ = problem(errors.InvalidBody("x" * 100_000, mismatches=mismatches), record())

    content = json.loads(body)
    assert 1000 == len(content["detail"])
    assert 20 == len(content["errors"])


def test_a_problem_may_quote_what_is_no_text() -> None:
    error = errors.InvalidBody.at(("features", "\ud800"), "a \udc00", "a \ud800")

    _, body, _ = problem(error, record())

    assert ["features", "\\ud800"] == json.loads(body)["errors"][0]["loc"]
