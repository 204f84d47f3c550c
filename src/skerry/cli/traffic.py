"""``skerry traffic``: which version of a model gets which requests, seen and changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

import click

from skerry.cli.errors import EXIT_CODES, CommandFailed, ConditionFalse, Refused
from skerry.cli.parameters import evidence_options, name_option, traffic_options

if TYPE_CHECKING:
    from skerry.cli.client import Client
    from skerry.cli.condition import Condition
    from skerry.cli.evidence_source import EvidenceSource


@click.group()
def traffic() -> None:
    """Show and change which version of a model gets which requests.

    Changes need the admin token.
    """


def _command(name: str) -> Callable[[Any], click.Command]:
    return traffic.command(name, epilog=EXIT_CODES)


@_command("show")
@click.argument("url")
@traffic_options(changes=False)
def show_command(
    url: str, model: str | None, token: str | None, as_json: bool, timeout_s: float
) -> None:
    """Show the traffic policy as declared and as in force, and why they differ."""
    with _server(url, token, timeout_s, model) as (client, chosen):
        _show(client.traffic(chosen), as_json=as_json)


@_command("set")
@click.argument("url")
@click.option(
    "--file",
    type=click.File("r", encoding="utf-8"),
    required=True,
    help="One policy, or a traffic file with the model's, in YAML or JSON ('-': stdin).",
)
@click.option(
    "--if-match",
    metavar="GENERATION",
    help="Only if the policy still has it; left out: whatever it is.",
)
@traffic_options(changes=True)
def set_command(
    url: str,
    file: TextIO,
    if_match: str | None,
    model: str | None,
    token: str | None,
    as_json: bool,
    timeout_s: float,
) -> None:
    """Replace the traffic policy, whole."""
    from skerry.cli.policy import read_policy

    with _server(url, token, timeout_s, model) as (client, chosen):
        policy = read_policy(file, chosen)
        with _unchanged(chosen):
            view = client.put_traffic(chosen, policy, if_match=if_match)
    _show(view, as_json=as_json)


@_command("canary")
@click.argument("arguments", nargs=2, metavar="WEIGHT URL")
@name_option("--version", "The canary; left out: the declared, or the only other READY version.")
@traffic_options(changes=True)
def canary_command(
    arguments: tuple[str, str],
    version: str | None,
    model: str | None,
    token: str | None,
    as_json: bool,
    timeout_s: float,
) -> None:
    """Give a canary WEIGHT percent of the requests; the rest of the policy stays.

    A canary that is not declared yet is added. With 0 it gets what its headers select.
    """
    from skerry.cli.policy import choose_canary, with_canary

    weight, url = _weight_and_url(*arguments)
    with _server(url, token, timeout_s, model) as (client, chosen):
        view = client.traffic(chosen)
        before = view["declared"] or view["in_force"]
        if before is None:
            raise CommandFailed(f"no version of {chosen} is READY: see skerry inspect")
        canary = choose_canary(before, version, client.model(chosen)["versions"])
        policy = with_canary(before, canary, weight)
        with _unchanged(chosen):
            view = client.put_traffic(chosen, policy, if_match=view["generation"])
    _show(view, as_json=as_json)


@_command("promote")
@click.argument("url")
@name_option("--version", "The version that is to be stable; left out: the canary.")
@click.option(
    "--if",
    "condition_text",
    metavar="CONDITION",
    help="Only if the canary's evidence is like this: 'errors <= 0 and requests > 500'.",
)
@evidence_options
@traffic_options(changes=True)
def promote_command(
    url: str,
    version: str | None,
    condition_text: str | None,
    window_s: int,
    prometheus_url: str | None,
    selector: str,
    model: str | None,
    token: str | None,
    as_json: bool,
    timeout_s: float,
) -> None:
    """Make the canary the stable version.

    CONDITION holds comparisons of numbers, joined by and, or, not, of the canary's requests,
    errors, error_rate, p50_ratio, p99_ratio, error_rate_difference, max_class_shift and
    disagreement_rate. Where one of them is not known, it is false: exit code 4.
    """
    condition = _condition(condition_text)
    _check_selector(prometheus_url, selector)
    if condition is None and prometheus_url is not None:
        raise click.UsageError("--prometheus is where the evidence for --if comes from")
    from skerry.cli.evidence_source import evidence_source
    from skerry.cli.policy import canary_to_promote

    with _server(url, token, timeout_s, model) as (client, chosen):
        view = client.traffic(chosen)
        canary = canary_to_promote(view, version)
        if condition is not None:
            with evidence_source(
                client,
                chosen,
                window_s=window_s,
                prometheus_url=prometheus_url,
                selector=selector,
                timeout_s=timeout_s,
                canary=version,
            ) as source:
                _check(condition, source, view, canary)
        with _unchanged(chosen):
            view = client.activate(chosen, canary, if_match=view["generation"])
    _show(view, as_json=as_json)


@_command("rollback")
@click.argument("url")
@traffic_options(changes=True)
def rollback_command(
    url: str, model: str | None, token: str | None, as_json: bool, timeout_s: float
) -> None:
    """Return to the policy before the last change; a second time returns from there."""
    with _server(url, token, timeout_s, model) as (client, chosen):
        view = client.rollback(chosen)
    _show(view, as_json=as_json)


@_command("watch")
@click.argument("url")
@click.option(
    "--interval-s",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    help="Seconds between two looks.",
)
@click.option("--once", is_flag=True, help="Look once; so it does where stdout is no terminal.")
@evidence_options
@traffic_options(changes=False)
def watch_command(
    url: str,
    interval_s: float,
    once: bool,
    window_s: int,
    prometheus_url: str | None,
    selector: str,
    model: str | None,
    token: str | None,
    as_json: bool,
    timeout_s: float,
) -> None:
    """Watch what each version answers, and the canary beside stable, until Ctrl-C.

    With --json: one line of JSON a look.
    """
    _check_selector(prometheus_url, selector)
    from skerry.cli.evidence_source import evidence_source
    from skerry.cli.traffic_watch import Watch

    with (
        _server(url, token, timeout_s, model) as (client, chosen),
        evidence_source(
            client,
            chosen,
            window_s=window_s,
            prometheus_url=prometheus_url,
            selector=selector,
            timeout_s=timeout_s,
        ) as source,
    ):
        watch = Watch(client, chosen, source)
        if as_json:
            watch.write_json(None if once else interval_s)
        else:
            watch.show(None if once else interval_s)


@contextmanager
def _server(
    url: str, token: str | None, timeout_s: float, model: str | None
) -> Iterator[tuple[Client, str]]:
    """Give the server, and the model that is meant."""
    from skerry.cli.client import Client

    with Client(url, token=token, timeout_s=timeout_s) as client:
        chosen = model or client.default_model()
        if chosen is None:
            names = ", ".join(sorted(each["name"] for each in client.models())) or "none"
            raise click.UsageError(
                f"the server has no default model: name one with --model (it has: {names})"
            )
        yield client, chosen


@contextmanager
def _unchanged(model: str) -> Iterator[None]:
    """Say in words of our own that a change came too late: what was decided on is gone."""
    try:
        yield
    except Refused as error:
        if error.slug != "generation-changed":
            raise
        raise CommandFailed(
            f"somebody else changed the traffic of {model} meanwhile, so nothing was done:"
            f" see skerry traffic show, and decide again ({error.message})"
        ) from error


def _condition(text: str | None) -> Condition | None:
    if text is None:
        return None
    from skerry.cli.condition import Condition, WrongCondition
    from skerry.cli.evidence import CONDITION_NAMES

    try:
        return Condition.parse(text, CONDITION_NAMES)
    except WrongCondition as error:
        raise click.BadParameter(str(error), param_hint="'--if'") from error


def _check(condition: Condition, source: EvidenceSource, view: dict[str, Any], canary: str) -> None:
    """Let pass a canary whose evidence is as the condition demands.

    Raises:
        ConditionFalse: it is not.
        CommandFailed: the version is no canary, or the policy changed meanwhile.
    """
    from skerry.cli.policy import canary_versions

    if canary not in canary_versions(view["declared"]):
        raise CommandFailed(f"{canary} is no canary of {view['model']}: there is no evidence of it")
    evidence = source.read(view)
    if evidence.generation != view["generation"]:
        raise CommandFailed(
            f"somebody else changed the traffic of {view['model']} meanwhile, so nothing was done"
            f" (generation {view['generation']}, then {evidence.generation})"
        )
    values = evidence.condition_values(canary)
    objections = condition.objections(values)
    if objections:
        raise ConditionFalse(f"{canary} is not promoted: {'; '.join(objections)}")
    click.echo(f"the condition holds: {condition.values_seen(values)}", err=True)


def _check_selector(prometheus_url: str | None, selector: str) -> None:
    if selector and prometheus_url is None:
        raise click.UsageError("--selector is for --prometheus")


def _weight_and_url(first: str, second: str) -> tuple[float, str]:
    """Tell the two apart, in whichever order they came."""
    text, url = (second, first) if "://" in first else (first, second)
    if "://" not in url:
        raise click.UsageError(f"expected WEIGHT and URL, got {first} {second}")
    try:
        weight = float(text)
    except ValueError:
        weight = -1.0
    if not 0 <= weight <= 100 or weight != round(weight, 2):
        raise click.BadParameter(
            f"expected 0 to 100 percent, with two decimals at most, got {text}",
            param_hint="'WEIGHT'",
        )
    return int(weight) if weight.is_integer() else weight, url


def _show(view: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(view, indent=2, ensure_ascii=False))
        return
    from skerry.cli.traffic_table import show

    show(view)
