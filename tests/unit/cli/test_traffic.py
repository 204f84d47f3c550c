"""``skerry traffic``: what is asked of a server, what is said, and the exit codes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from skerry.cli import skerry
from skerry.cli.evidence import CONDITION_NAMES
from tests.unit.cli.fake_servers import (
    COMPARISON,
    FakePrometheus,
    FakeSkerry,
    answering,
    problem,
    version_evidence,
)

CONDITION = "errors <= 0 and p99_ratio < 1.2 and requests > 500"


def run(
    *arguments: str, env: Mapping[str, str] | None = None, input_text: str | None = None
) -> Result:
    return CliRunner(env=env).invoke(skerry, ["traffic", *arguments], input=input_text)


def ask(server: FakeSkerry, command: str, *arguments: str, input_text: str | None = None) -> Result:
    with server.serving() as url:
        return run(command, *arguments, url, input_text=input_text)


def changes(server: FakeSkerry) -> list[tuple[str, str, str | None, object]]:
    return [asked for asked in server.asked if asked[0] != "GET"]


# show


def test_show_has_what_is_declared_and_what_is_in_force() -> None:
    server = FakeSkerry(
        declared={
            "stable": "v1",
            "canary": {
                "version": "v2",
                "weight": 12.5,
                "headers": [{"name": "X-Canary", "value": "true"}],
            },
            "sticky": {"header": "X-User-Id"},
            "shadow": {"version": "v3", "sample": 50},
            "versions": ["v1", "v2", "v3"],
            "digests": {"v1": "sha256:00"},
        },
        previous={"stable": "v0"},
        differences=[
            {"version": "v2", "state": "LOADING", "reason": "canary is not READY: no traffic"},
            {"version": "v9", "state": None, "reason": "shadow is not on the volume"},
            {"version": None, "state": None, "reason": "the traffic file is broken"},
        ],
    )

    result = ask(server, "show")

    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0] == "iris: generation generation-1, store file, writable"
    cells = {
        line.split("│")[1].strip(): [cell.strip() for cell in line.split("│")[2:-1]]
        for line in lines
        if line.startswith("│")
    }
    assert cells["stable"] == ["v1", "v1", "v0"]
    assert cells["canary"][0] == "v2 12.5 %, X-Canary: true"
    assert cells["sticky"][0] == "header X-User-Id"
    assert cells["shadow"][0] == "v3 50 %"
    assert cells["versions"][0] == "v1, v2, v3"
    assert cells["digests"][0] == "v1 sha256:00"
    assert lines[-3:] == [
        "v2 (LOADING): canary is not READY: no traffic",
        "v9: shadow is not on the volume",
        "the traffic file is broken",
    ]


def test_show_as_json_is_the_answer_of_the_api() -> None:
    server = FakeSkerry()

    assert json.loads(ask(server, "show", "--json").stdout) == server.view()


def test_an_escape_sequence_from_elsewhere_is_no_escape_sequence() -> None:
    server = FakeSkerry(declared={"stable": "\x1b[31mv1[red]"})

    assert "\N{REPLACEMENT CHARACTER}[31mv1[red]" in ask(server, "show").stdout


def test_the_newline_at_the_end_of_a_token_is_not_sent() -> None:
    server = FakeSkerry()

    result = ask(server, "show", "--token", " secret\r\n")

    assert result.exit_code == 0, result.stderr
    assert server.tokens == {"Bearer secret"}


@pytest.mark.parametrize("token", ["sec\nret", "sec\x7fret", "sécret"])
def test_a_token_that_can_t_be_sent_is_wrong_usage_and_not_shown(token: str) -> None:
    server = FakeSkerry()

    result = ask(server, "show", "--token", token)

    assert result.exit_code == 2
    assert "the token holds characters that can't be sent" in result.stderr
    assert "ret" not in result.output
    assert server.asked == []


def test_without_a_default_model_one_is_to_be_named() -> None:
    server = FakeSkerry(is_default=False)

    unnamed, named = ask(server, "show"), ask(server, "show", "--model", "iris")

    assert unnamed.exit_code == 2
    assert "name one with --model (it has: iris)" in unnamed.stderr
    assert named.exit_code == 0


# set


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("stable: v2\n", {"stable": "v2"}),
        ('{"stable": "v2", "canary": null}', {"stable": "v2", "canary": None}),
        (
            "schema_version: 1\nmodels: {iris: {stable: v2}, wine: {stable: v7}}\n",
            {"stable": "v2"},
        ),
    ],
)
def test_set_sends_the_policy_of_the_file(tmp_path: Path, text: str, expected: object) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(text, encoding="utf-8")
    server = FakeSkerry()

    result = ask(server, "set", "--file", str(file))

    assert result.exit_code == 0, result.stderr
    assert changes(server) == [("PUT", "/api/v1/models/iris/traffic", None, expected)]


def test_set_reads_stdin_and_heeds_the_generation() -> None:
    server = FakeSkerry()

    first = ask(server, "set", "--file", "-", "--if-match", "generation-1", input_text="stable: v2")
    second = ask(
        server, "set", "--file", "-", "--if-match", "generation-1", input_text="stable: v1"
    )

    assert (first.exit_code, second.exit_code) == (0, 1)
    assert "somebody else changed the traffic of iris meanwhile" in second.stderr
    assert server.declared == {"stable": "v2"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{", "skerry: policy.yaml: "),
        ("# nothing\n", "skerry: policy.yaml is empty"),
        ("stable: 2026-01-01", "skerry: policy.yaml: Object of type date is not JSON"),
        ("stable: .nan", "skerry: policy.yaml: Out of range float"),
        ("models: !!timestamp foo", "skerry: policy.yaml: "),
        ("models: !!bool maybe", "skerry: policy.yaml: "),
        ("models: !!int ''", "skerry: policy.yaml: "),
        ("models: {wine: {}}", "policy.yaml has no policy of iris; it has those of: wine"),
        ("models: [iris]", "policy.yaml has no policy of iris; it has those of: none"),
    ],
)
def test_a_file_without_a_policy_is_one_line(tmp_path: Path, text: str, expected: str) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(text, encoding="utf-8")
    server = FakeSkerry()

    result = ask(server, "set", "--file", str(file))

    assert result.exit_code == 1
    assert expected in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert changes(server) == []


# canary


@pytest.mark.parametrize(
    ("declared", "arguments", "expected"),
    [
        (
            {
                "stable": "v1",
                "canary": {
                    "version": "v2",
                    "weight": 10,
                    "headers": [{"name": "X-Canary", "value": "true"}],
                },
                "sticky": {"header": "X-User-Id"},
            },
            ["25"],
            {
                "stable": "v1",
                "sticky": {"header": "X-User-Id"},
                "canary": {
                    "version": "v2",
                    "weight": 25,
                    "headers": [{"name": "X-Canary", "value": "true"}],
                },
            },
        ),
        (
            {"stable": "v1", "canary": {"version": "v2", "weight": 10}},
            ["0"],
            {"stable": "v1", "canary": {"version": "v2", "weight": 0}},
        ),
        ({"stable": "v1"}, ["0.5"], {"stable": "v1", "canary": {"version": "v2", "weight": 0.5}}),
        (
            {"stable": "v1"},
            ["10.0", "--version", "v7"],
            {"stable": "v1", "canary": {"version": "v7", "weight": 10}},
        ),
        (
            {"stable": "v1", "canary": {"version": "v2", "weight": 10}},
            ["5", "--version", "v3"],
            {
                "stable": "v1",
                "canaries": [{"version": "v2", "weight": 10}, {"version": "v3", "weight": 5}],
            },
        ),
        (
            {
                "stable": "v1",
                "canaries": [{"version": "v2", "weight": 10}, {"version": "v3", "weight": 5}],
            },
            ["6", "--version", "v3"],
            {
                "stable": "v1",
                "canaries": [{"version": "v2", "weight": 10}, {"version": "v3", "weight": 6}],
            },
        ),
        (None, ["10"], {"stable": "v2", "canary": {"version": "v1", "weight": 10}}),
    ],
)
def test_canary_changes_its_weight_and_nothing_else(
    declared: dict[str, object] | None, arguments: list[str], expected: object
) -> None:
    server = FakeSkerry(declared=declared)

    result = ask(server, "canary", *arguments)

    assert result.exit_code == 0, result.stderr
    path = "/api/v1/models/iris/traffic"
    assert changes(server) == [("PUT", path, '"generation-1"', expected)]


def test_canary_takes_its_arguments_in_both_orders() -> None:
    first, second = FakeSkerry(), FakeSkerry()

    with first.serving() as url:
        assert run("canary", "33", url).exit_code == 0
    with second.serving() as url:
        assert run("canary", url, "33").exit_code == 0

    assert first.declared == second.declared
    assert second.declared == {"stable": "v1", "canary": {"version": "v2", "weight": 33}}


@pytest.mark.parametrize(
    ("states", "arguments", "expected"),
    [
        ({"v2": "READY", "v3": "READY"}, ["5"], "those that are READY: --version v2 or v3"),
        (
            {"v2": "LOADING", "v3": "FAILED"},
            ["5"],
            "no version besides v1 is READY (v2 is LOADING, v3 is FAILED)",
        ),
        ({}, ["5"], "no version besides v1 is READY (none)"),
        ({"v2": "READY"}, ["5", "--version", "v1"], "v1 is stable: name another version"),
        ({}, ["101"], "expected 0 to 100 percent, with two decimals at most, got 101"),
        ({}, ["0.125"], "expected 0 to 100 percent, with two decimals at most, got 0.125"),
        ({}, ["nan"], "expected 0 to 100 percent, with two decimals at most, got nan"),
        ({}, ["ten"], "expected 0 to 100 percent, with two decimals at most, got ten"),
    ],
)
def test_a_canary_that_is_not_clear_is_wrong_usage(
    states: dict[str, str], arguments: list[str], expected: str
) -> None:
    server = FakeSkerry(declared={"stable": "v1"}, states={"v1": "READY", **states})

    result = ask(server, "canary", *arguments)

    assert result.exit_code == 2
    assert expected in result.stderr
    assert changes(server) == []


def test_one_of_several_canaries_is_to_be_named() -> None:
    canaries = [{"version": "v2", "weight": 10}, {"version": "v3", "weight": 5}]
    server = FakeSkerry(declared={"stable": "v1", "canaries": canaries})

    for command in (["canary", "5"], ["promote"]):
        result = ask(server, *command)

        assert result.exit_code == 2
        assert "there are several canaries: --version v2 or v3" in result.stderr
    assert changes(server) == []


def test_two_arguments_without_a_url_are_wrong_usage() -> None:
    result = run("canary", "10", "127.0.0.1:8080")

    assert result.exit_code == 2
    assert "expected WEIGHT and URL, got 10 127.0.0.1:8080" in result.stderr


@pytest.mark.parametrize("command", [["canary", "25"], ["promote"], ["promote", "--if", CONDITION]])
def test_a_change_of_somebody_else_is_never_overwritten(command: list[str]) -> None:
    server = FakeSkerry()
    server.meddle = server.bump
    before = server.declared

    result = ask(server, *command)

    assert result.exit_code == 1
    assert "somebody else changed the traffic of iris meanwhile, so nothing" in result.stderr
    assert server.declared == before
    assert len(changes(server)) == 1


def test_a_store_that_is_read_only_answers_for_itself() -> None:
    result = ask(FakeSkerry(writable=False), "canary", "25")

    assert result.exit_code == 1
    assert result.stderr == (
        "skerry: 409 store-read-only: change it where it comes from: helm upgrade\n"
    )


def test_a_model_that_nothing_answers_for_has_no_canary() -> None:
    server = FakeSkerry(declared=None, states={"v1": "LOADING"})

    result = ask(server, "canary", "25")

    assert result.exit_code == 1
    assert "no version of iris is READY: see skerry inspect" in result.stderr


# promote and rollback


def test_promote_activates_the_canary_of_the_policy_that_was_read() -> None:
    server = FakeSkerry()

    result = ask(server, "promote")

    assert result.exit_code == 0, result.stderr
    assert result.stderr == ""
    path = "/api/v1/models/iris/versions/v2/activate"
    assert changes(server) == [("POST", path, '"generation-1"', None)]
    assert "│ stable" in result.stdout


def test_promote_without_a_canary_wants_a_version() -> None:
    server = FakeSkerry(declared={"stable": "v1"})

    unnamed, named = ask(server, "promote"), ask(server, "promote", "--version", "v2")

    assert unnamed.exit_code == 2
    assert "iris has no canary: name a version with --version" in unnamed.stderr
    assert named.exit_code == 0
    assert server.declared == {"stable": "v2"}


def test_promote_if_the_condition_holds() -> None:
    server = FakeSkerry()

    result = ask(server, "promote", "--if", CONDITION, "--window-s", "60")

    assert result.exit_code == 0, result.stderr
    url = result.stderr.partition("(")[2].partition(")")[0]
    assert result.stderr.splitlines() == [
        f"evidence of one process only ({url}): --prometheus URL sums all pods",
        "the condition holds: errors = 0, p99_ratio = 1.1, requests = 1204",
    ]
    assert ("GET", "/api/v1/models/iris/evidence?window_s=60", None, None) in server.asked
    assert changes(server)[0][2] == '"generation-1"'
    assert server.declared == {"stable": "v2"}


def test_promote_if_the_condition_is_false() -> None:
    server = FakeSkerry()
    server.evidence["versions"][1]["errors"] = 2

    result = ask(server, "promote", "--if", CONDITION)

    assert result.exit_code == 4
    assert result.stderr.splitlines()[1:] == [
        "skerry: v2 is not promoted: errors = 2: errors <= 0 is false"
    ]
    assert result.stdout == ""
    assert changes(server) == []


def test_what_is_not_known_promotes_nothing() -> None:
    server = FakeSkerry()
    server.evidence["comparison"]["p99_ratio"] = None

    result = ask(server, "promote", "--if", "requests > 500 or p99_ratio < 1.2")

    assert result.exit_code == 4
    assert "requests = 1204, p99_ratio is not known: " in result.stderr


def test_a_canary_without_requests_has_none() -> None:
    comparison = dict.fromkeys(COMPARISON)
    versions = [version_evidence("v1", "stable", 9)]
    server = FakeSkerry(evidence={"versions": versions, "comparison": comparison})

    result = ask(server, "promote", "--if", "errors <= 0 and requests > 0")

    assert result.exit_code == 4
    assert result.stderr.endswith("requests = 0: requests > 0 is false\n")


def test_each_of_several_canaries_has_a_comparison() -> None:
    canaries = [{"version": "v2", "weight": 10}, {"version": "v3", "weight": 10}]
    slow = version_evidence("v3", "canary", 700, latency_ms={"p50": 0.8, "p90": 1, "p99": 2.4})
    server = FakeSkerry(declared={"stable": "v1", "canaries": canaries})
    server.evidence["versions"].append(slow)

    first = ask(server, "promote", "--version", "v3", "--if", "p50_ratio == 2 and p99_ratio > 2")
    second = ask(server, "promote", "--version", "v3", "--if", "p99_ratio == 2")

    assert first.exit_code == 4
    assert "p99_ratio = 2: p99_ratio > 2 is false" in first.stderr
    assert second.exit_code == 0


def test_the_server_is_asked_to_compare_the_canary_that_is_named() -> None:
    canaries = [{"version": "v2", "weight": 10}, {"version": "v3", "weight": 10}]
    server = FakeSkerry(declared={"stable": "v1", "canaries": canaries})
    server.evidence["comparison"] = {**COMPARISON, "canary": "v3", "disagreement_rate": 0.25}

    result = ask(server, "promote", "--version", "v3", "--if", "disagreement_rate == 0.25")

    assert result.exit_code == 0, result.stderr
    path = "/api/v1/models/iris/evidence?window_s=300&version=v3"
    assert ("GET", path, None, None) in server.asked


def test_a_version_that_is_no_canary_has_no_evidence() -> None:
    server = FakeSkerry()

    result = ask(server, "promote", "--version", "v3", "--if", "errors <= 0")

    assert result.exit_code == 1
    assert "v3 is no canary of iris: there is no evidence of it" in result.stderr
    assert changes(server) == []


def test_evidence_of_another_policy_promotes_nothing() -> None:
    server = FakeSkerry()
    server.evidence["generation"] = "generation-7"

    result = ask(server, "promote", "--if", CONDITION)

    assert result.exit_code == 1
    assert "(generation generation-1, then generation-7)" in result.stderr
    assert changes(server) == []


@pytest.mark.parametrize("text", ["errors <", "latency < 1", "errors", "abs(errors) < 1"])
def test_a_condition_that_is_none_is_found_before_a_server_is_asked(text: str) -> None:
    result = run("promote", "--if", text, "http://127.0.0.1:1")

    assert result.exit_code == 2
    assert "Invalid value for '--if': expected" in result.stderr


def test_help_of_promote_names_what_a_condition_may() -> None:
    words = run("promote", "--help").stdout.replace(",", " ").replace(".", " ").split()

    assert [] == [name for name in CONDITION_NAMES if name not in words]


def test_rollback_returns_to_the_policy_before() -> None:
    server = FakeSkerry(previous={"stable": "v0"})

    result = ask(server, "rollback", "--json")

    assert result.exit_code == 0, result.stderr
    assert changes(server) == [("POST", "/api/v1/models/iris/rollback", None, None)]
    assert json.loads(result.stdout)["declared"] == {"stable": "v0"}


# tokens and servers


def test_a_password_in_a_url_is_told_nobody() -> None:
    away = run("promote", "--if", CONDITION, "http://me:secret@127.0.0.1:1")
    with answering(lambda *_: (200, [])) as url:
        other = run("show", "--model", "iris", url.replace("://", "://me:secret@"))

    assert (away.exit_code, other.exit_code) == (3, 1)
    assert "secret" not in away.stderr + other.stderr


@pytest.mark.parametrize(
    ("command", "env", "expected"),
    [
        (["show"], {"SKERRY_API_TOKEN": "a", "SKERRY_ADMIN_TOKEN": "b"}, "Bearer a"),
        (["show"], {"SKERRY_ADMIN_TOKEN": "b"}, "Bearer b"),
        (["rollback"], {"SKERRY_API_TOKEN": "a", "SKERRY_ADMIN_TOKEN": "b"}, "Bearer b"),
        (["rollback"], {"SKERRY_API_TOKEN": "a"}, None),
        (["rollback", "--token", "c"], {"SKERRY_ADMIN_TOKEN": "b"}, "Bearer c"),
    ],
)
def test_changes_need_the_admin_token(
    command: list[str], env: dict[str, str], expected: str | None
) -> None:
    server = FakeSkerry(previous={"stable": "v0"})

    with server.serving() as url:
        run(*command, url, env={"SKERRY_API_TOKEN": "", "SKERRY_ADMIN_TOKEN": "", **env})

    assert server.tokens == {expected}


@pytest.mark.parametrize(
    "command",
    [["show"], ["canary", "10"], ["promote", "--if", CONDITION], ["rollback"], ["watch"]],
)
def test_nobody_listens(command: list[str]) -> None:
    result = run(*command, "http://127.0.0.1:1")

    assert result.exit_code == 3
    assert "skerry: http://127.0.0.1:1 can't be reached: " in result.stderr


def test_what_the_server_refuses_is_told_in_its_words() -> None:
    with answering(lambda *_: problem(401, "unauthorized", "expected a token")) as url:
        result = run("show", "--model", "iris", url)

    assert (result.exit_code, result.stderr) == (1, "skerry: 401 unauthorized: expected a token\n")


# Prometheus


def test_promote_by_the_sums_of_all_pods() -> None:
    server = FakeSkerry()
    server.evidence["versions"][1]["errors"] = 99  # This process's own are not asked for.
    labels = {"version": "v2", "track": "canary"}
    prometheus = FakePrometheus(
        {
            "skerry_http_requests_total": [
                ({"version": "v1", "track": "stable", "status": "200"}, 9000),
                ({**labels, "status": "200"}, 600.4),
            ],
            "skerry_http_request_duration": [
                ({"version": "v1", "track": "stable"}, 0.001),
                (labels, 0.0011),
            ],
        }
    )

    with prometheus.serving() as url:
        options = ("--prometheus", url, "--selector", 'namespace="prod"', "--window-s", "120")
        result = ask(server, "promote", "--if", CONDITION, *options)

    assert result.exit_code == 0, result.stderr
    assert result.stderr == ("the condition holds: errors = 0, p99_ratio = 1.1, requests = 600\n")
    assert changes(server)[0][2] == '"generation-1"'
    assert [q for q in prometheus.asked if 'namespace="prod"' not in q or "[120s]" not in q] == []


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["promote", "--if", "errors < 1", "--selector", 'a="b"'], "--selector is for"),
        (["promote", "--prometheus", "http://127.0.0.1:1"], "--prometheus is where the evidence"),
        (["watch", "--selector", 'a="b"'], "--selector is for --prometheus"),
    ],
)
def test_options_of_prometheus_belong_together(arguments: list[str], expected: str) -> None:
    result = run(*arguments, "http://127.0.0.1:1")

    assert result.exit_code == 2
    assert expected in result.stderr


def test_a_prometheus_that_is_away_is_not_reachable() -> None:
    result = ask(FakeSkerry(), "promote", "--if", CONDITION, "--prometheus", "http://127.0.0.1:1")

    assert result.exit_code == 3
    assert "http://127.0.0.1:1 can't be reached: " in result.stderr
