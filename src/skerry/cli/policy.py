"""Traffic policies as the API writes them: reading one from a file, and giving it a canary.

What a policy may hold is the server's to say; nothing here validates one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

import click
import yaml

from skerry.cli.errors import CommandFailed

Policy = Mapping[str, Any]

# PyYAML lets some of them through for a tag that does not fit its value, as ``!!bool maybe``.
_UNREADABLE = (TypeError, ValueError, RecursionError, LookupError, AttributeError)


def canaries_of(policy: Policy | None) -> list[dict[str, Any]]:
    """Return a policy's canaries; it may have one, several, or none."""
    if policy is None:
        return []
    return list(policy.get("canaries") or filter(None, [policy.get("canary")]))


def canary_versions(policy: Policy | None) -> list[str]:
    """Return the versions of a policy's canaries."""
    return [canary["version"] for canary in canaries_of(policy)]


def with_canary(policy: Policy, version: str, weight: float) -> dict[str, Any]:
    """Return the policy in which this canary has this weight; all else stays as it is."""
    canaries = canaries_of(policy)
    if version in canary_versions(policy):
        changed = [c | {"weight": weight} if c["version"] == version else c for c in canaries]
    else:
        changed = [*canaries, {"version": version, "weight": weight}]
    kept = {key: value for key, value in policy.items() if key not in ("canary", "canaries")}
    return kept | ({"canary": changed[0]} if len(changed) == 1 else {"canaries": changed})


def choose_canary(policy: Policy, named: str | None, versions: Sequence[Mapping[str, Any]]) -> str:
    """Return the version that is to be the canary: the named, the declared, the only other one.

    versions: of the model, as the API shows them.

    Raises:
        click.UsageError: it is not clear which, or it is the stable one.
    """
    if named is not None:
        if named == policy["stable"]:
            raise click.UsageError(f"{named} is stable: name another version with --version")
        return named
    declared = canary_versions(policy)
    if len(declared) == 1:
        return declared[0]
    if declared:
        choices = " or ".join(declared)
        raise click.UsageError(f"there are several canaries: --version {choices}")
    others = [each for each in versions if each["version"] != policy["stable"]]
    ready = [str(each["version"]) for each in others if each["state"] == "READY"]
    if len(ready) == 1:
        return ready[0]
    if ready:
        choices = " or ".join(ready)
        raise click.UsageError(f"name the canary, of those that are READY: --version {choices}")
    states = ", ".join(f"{each['version']} is {each['state']}" for each in others) or "none"
    raise click.UsageError(
        f"no version besides {policy['stable']} is READY ({states}): name one with --version"
    )


def canary_to_promote(view: Mapping[str, Any], named: str | None) -> str:
    """Return the named version, or the only canary of the traffic that the API shows.

    Raises:
        click.UsageError: none is named, and there is none or there are several.
    """
    if named is not None:
        return named
    canaries = canary_versions(view["declared"])
    if len(canaries) == 1:
        return canaries[0]
    if canaries:
        choices = " or ".join(canaries)
        raise click.UsageError(f"there are several canaries: --version {choices}")
    raise click.UsageError(f"{view['model']} has no canary: name a version with --version")


def read_policy(file: TextIO, model: str) -> Any:
    """Return the policy in a YAML or JSON file: all it holds, or the model's part of a document.

    Raises:
        CommandFailed: it can't be parsed or sent, or has no policy of the model.
    """
    name = os.path.basename(str(getattr(file, "name", "<stdin>")))
    try:
        data = yaml.safe_load(file)
        json.dumps(data, allow_nan=False)
    except (*_UNREADABLE, yaml.YAMLError) as error:
        raise CommandFailed(f"{name}: {error}") from error
    if data is None:
        raise CommandFailed(f"{name} is empty")
    if not isinstance(data, dict) or "models" not in data:
        return data
    policies = data["models"]
    if not isinstance(policies, dict) or model not in policies:
        known = ", ".join(map(str, policies)) if isinstance(policies, dict) else "none"
        raise CommandFailed(f"{name} has no policy of {model}; it has those of: {known}")
    return policies[model]
