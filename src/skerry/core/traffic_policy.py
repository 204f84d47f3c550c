"""Traffic policies as they are written: which versions a model's requests should go to.

Pure values and their grammar. What of a policy is in force is ``traffic.py``'s business.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from skerry.core.errors import InvalidPolicy
from skerry.core.names import is_name, shown
from skerry.core.version_policy import VersionPolicy

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}")  # RFC 9110, section 5.6.2
_FIELD_VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e]{0,1022}[\x21-\x7e])?")
_MOST_CANARIES = 16
_MOST_HEADERS = 16  # As many as an HTTPRoute match takes.
_MOST_SALT = 256


@dataclass(frozen=True, slots=True)
class HeaderMatch:
    """A header that a request must have, with exactly this value. name: any case."""

    name: str
    value: str

    def to_dict(self) -> dict[str, Any]:
        """Return the match as it is written."""
        return {"name": self.name, "value": self.value}


@dataclass(frozen=True, slots=True)
class Canary:
    """A version that gets a part of the traffic.

    weight: percent of the requests, 0 to 100 with two decimals.
    headers: a request that has them all goes to this version, whatever its weight; empty for none.
    """

    version: str
    weight: float
    headers: tuple[HeaderMatch, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the canary as it is written."""
        data: dict[str, Any] = {"version": self.version, "weight": self.weight}
        if self.headers:
            data["headers"] = [header.to_dict() for header in self.headers]
        return data


@dataclass(frozen=True, slots=True)
class Sticky:
    """What keeps a caller at one version: the value of a header or of a cookie; one is set.

    salt: mixed into the hash, so that another salt deals callers out anew; None: the model's name.
    """

    header: str | None = None
    cookie: str | None = None
    salt: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the key as it is written."""
        data = {"header": self.header, "cookie": self.cookie, "salt": self.salt}
        return {key: value for key, value in data.items() if value is not None}


@dataclass(frozen=True, slots=True)
class ShadowPolicy:
    """A version that is asked what others answered. sample: percent of the requests."""

    version: str
    sample: float = 100

    def to_dict(self) -> dict[str, Any]:
        """Return the shadow as it is written."""
        return {"version": self.version, "sample": self.sample}


@dataclass(frozen=True, slots=True)
class TrafficPolicy:
    """What one model's traffic should be.

    canaries: in the order written; their weights sum to at most 100, the rest is stable's.
    versions: which versions are to be loaded; None leaves it to the server's setting.
    digests: version to the only ``sha256:…`` its artifact may have.
    """

    stable: str
    canaries: tuple[Canary, ...] = ()
    sticky: Sticky | None = None
    shadow: ShadowPolicy | None = None
    versions: VersionPolicy | None = None
    digests: Mapping[str, str] = field(default_factory=dict)

    def named_versions(self) -> frozenset[str]:
        """Return the versions that the policy sends requests to, shadowed ones too."""
        shadow = () if self.shadow is None else (self.shadow.version,)
        return frozenset({self.stable, *(each.version for each in self.canaries), *shadow})

    def to_dict(self) -> dict[str, Any]:
        """Return the policy as it is written, without keys that were left out."""
        data: dict[str, Any] = {"stable": self.stable} | written_canaries(self.canaries)
        if self.sticky is not None:
            data["sticky"] = self.sticky.to_dict()
        if self.shadow is not None:
            data["shadow"] = self.shadow.to_dict()
        if self.versions is not None:
            data["versions"] = self.versions.to_value()
        if self.digests:
            data["digests"] = dict(self.digests)
        return data

    @classmethod
    def from_value(cls, value: Any, where: str) -> TrafficPolicy:
        """Validate a policy as it was written; null is as good as a key that is left out.

        Raises:
            InvalidPolicy: with a sentence that names the place, what was expected and what came.
        """
        data = mapping(value, where, "a policy such as {stable: v1}")
        _check_keys(data, where, _POLICY_KEYS)
        if "stable" not in data:
            raise InvalidPolicy(f"{where}.stable: expected a version, got none")
        stable = name(data["stable"], f"{where}.stable", "a version")
        sticky, shadow, versions = (data.get(key) for key in ("sticky", "shadow", "versions"))
        return cls(
            stable,
            _canaries(data, where, stable),
            None if sticky is None else _sticky(sticky, f"{where}.sticky"),
            None if shadow is None else _shadow(shadow, f"{where}.shadow"),
            None if versions is None else VersionPolicy.from_value(versions, f"{where}.versions"),
            _digests(data.get("digests"), f"{where}.digests"),
        )


_POLICY_KEYS = ("stable", "canary", "canaries", "sticky", "shadow", "versions", "digests")


def written_canaries(canaries: Sequence[Canary]) -> dict[str, Any]:
    """Return the key and value that canaries are written as."""
    if not canaries:
        return {}
    if len(canaries) == 1:
        return {"canary": canaries[0].to_dict()}
    return {"canaries": [canary.to_dict() for canary in canaries]}


def _canaries(data: Mapping[str, Any], where: str, stable: str) -> tuple[Canary, ...]:
    one, several = data.get("canary"), data.get("canaries")
    if one is not None and several is not None:
        raise InvalidPolicy(f"{where}: expected canary or canaries, got both")
    canaries: tuple[Canary, ...]
    if several is None:
        canaries = () if one is None else (_canary(one, f"{where}.canary", stable),)
    else:
        entries = _sequence(several, f"{where}.canaries", "a list of canaries", _MOST_CANARIES)
        canaries = tuple(
            _canary(entry, f"{where}.canaries[{i}]", stable) for i, entry in enumerate(entries)
        )
    versions = [canary.version for canary in canaries]
    for version in versions:
        if versions.count(version) > 1:
            raise InvalidPolicy(f"{where}.canaries: expected each version once, got {version} more")
    total = sum(Decimal(str(canary.weight)) for canary in canaries)
    if total > 100:
        raise InvalidPolicy(
            f"{where}.canaries: expected weights that sum to at most 100, got {total}"
        )
    return canaries


def _canary(value: Any, where: str, stable: str) -> Canary:
    data = mapping(value, where, "a canary such as {version: v2, weight: 10}")
    _check_keys(data, where, ("version", "weight", "headers"))
    version = name(data.get("version"), f"{where}.version", "a version")
    if version == stable:
        raise InvalidPolicy(
            f"{where}.version: expected another version than stable's, got {version} for both"
        )
    headers = _sequence(
        or_empty(data.get("headers"), []), f"{where}.headers", "a list of headers", _MOST_HEADERS
    )
    matches = tuple(
        _header_match(entry, f"{where}.headers[{i}]") for i, entry in enumerate(headers)
    )
    names = [match.name.lower() for match in matches]
    for each in names:
        if names.count(each) > 1:
            raise InvalidPolicy(f"{where}.headers: expected each name once, got {each} more")
    weight = data.get("weight")
    if weight is None and not matches:
        raise InvalidPolicy(f"{where}.weight: expected a percentage from 0 to 100, got none")
    return Canary(version, 0 if weight is None else _percent(weight, f"{where}.weight"), matches)


def _header_match(value: Any, where: str) -> HeaderMatch:
    data = mapping(value, where, "a header such as {name: X-Canary, value: 'true'}")
    _check_keys(data, where, ("name", "value"))
    text = data.get("value")
    if not isinstance(text, str) or _FIELD_VALUE.fullmatch(text) is None:
        hint = " (quote it)" if isinstance(text, bool | int | float) else ""
        raise InvalidPolicy(f"{where}.value: expected ASCII text, got {shown(text)}{hint}")
    return HeaderMatch(_token(data.get("name"), f"{where}.name", "a header's name"), text)


def _sticky(value: Any, where: str) -> Sticky:
    data = mapping(value, where, "a key such as {header: X-User-Id}")
    _check_keys(data, where, ("header", "cookie", "salt"))
    header, cookie, salt = (data.get(key) for key in ("header", "cookie", "salt"))
    if (header is None) == (cookie is None):
        got = "neither" if header is None else "both"
        raise InvalidPolicy(f"{where}: expected header or cookie, got {got}")
    if salt is not None and not _is_salt(salt):
        raise InvalidPolicy(
            f"{where}.salt: expected 1 to {_MOST_SALT} printable characters, got {shown(salt)}"
        )
    if header is not None:
        return Sticky(header=_token(header, f"{where}.header", "a header's name"), salt=salt)
    return Sticky(cookie=_token(cookie, f"{where}.cookie", "a cookie's name"), salt=salt)


def _is_salt(value: Any) -> bool:
    if not isinstance(value, str) or not 0 < len(value) <= _MOST_SALT:
        return False
    # YAML can say half of a surrogate pair, which no bytes stand for.
    return value.isprintable()


def _shadow(value: Any, where: str) -> ShadowPolicy:
    data = mapping(value, where, "a shadow such as {version: v3, sample: 100}")
    _check_keys(data, where, ("version", "sample"))
    version = name(data.get("version"), f"{where}.version", "a version")
    sample = data.get("sample")
    return ShadowPolicy(version, 100 if sample is None else _percent(sample, f"{where}.sample"))


def _digests(value: Any, where: str) -> dict[str, str]:
    digests = mapping(or_empty(value, {}), where, "digests by version")
    for version, digest in digests.items():
        name(version, where, "a version as key")
        if not isinstance(digest, str) or _DIGEST.fullmatch(digest) is None:
            raise InvalidPolicy(
                f"{where}.{version}: expected sha256: and 64 hex digits, got {shown(digest)}"
            )
    return dict(digests)


def _percent(value: Any, where: str) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= 100:
        raise InvalidPolicy(f"{where}: expected a percentage from 0 to 100, got {shown(value)}")
    if Decimal(str(value)) % Decimal("0.01"):
        raise InvalidPolicy(f"{where}: expected at most two decimals, got {shown(value)}")
    number: float = value
    return int(number) if number == int(number) else number


def _token(value: Any, where: str, expected: str) -> str:
    if not isinstance(value, str) or _TOKEN.fullmatch(value) is None:
        raise InvalidPolicy(f"{where}: expected {expected}, got {shown(value)}")
    return value


def _sequence(value: Any, where: str, expected: str, most: int) -> Sequence[Any]:
    if not isinstance(value, list | tuple):
        raise InvalidPolicy(f"{where}: expected {expected}, got {shown(value)}")
    if len(value) > most:
        raise InvalidPolicy(f"{where}: expected at most {most}, got {len(value)}")
    return value


def _check_keys(data: Mapping[str, Any], where: str, known: Sequence[str]) -> None:
    for key in data:
        if key not in known:
            raise InvalidPolicy(f"{where}: expected the keys {', '.join(known)}, got {shown(key)}")


def or_empty(value: Any, empty: Any) -> Any:
    """Return the empty value for null: YAML writes a key without entries like that."""
    return empty if value is None else value


def mapping(value: Any, where: str, expected: str) -> Mapping[str, Any]:
    """Return the value, which must be a mapping with text as keys.

    Raises:
        InvalidPolicy: it is not.
    """
    if not isinstance(value, Mapping):
        raise InvalidPolicy(f"{where}: expected {expected}, got {shown(value)}")
    for key in value:
        if not isinstance(key, str):
            raise InvalidPolicy(f"{where}: expected text as key, got {shown(key)} (quote it)")
    return value


def name(value: Any, where: str, expected: str) -> str:
    """Return the value, which must be the name of a model or version.

    Raises:
        InvalidPolicy: it is not.
    """
    if not isinstance(value, str) or not is_name(value):
        raise InvalidPolicy(f"{where}: expected {expected}, got {shown(value)}")
    return value
