"""Settings: from the environment and from flags, checked once."""

from __future__ import annotations

from pathlib import Path

import pytest

from skerry.settings import SettingsError, load_settings


def test_a_flag_wins_over_its_variable() -> None:
    settings = load_settings({"port": "9000"}, {"SKERRY_PORT": "9001", "SKERRY_HOST": "0.0.0.0"})  # noqa: S104 - as the image has it

    assert (9000, "0.0.0.0") == (settings.port, settings.host)  # noqa: S104 - as above


def test_lists_are_comma_separated() -> None:
    assert ("iris", "wine") == load_settings({}, {"SKERRY_MODELS": "iris, wine"}).models


def test_other_variables_are_nobodys_business() -> None:
    assert Path("/models") == load_settings({}, {"PATH": "/bin", "skerry_port": "1"}).models_dir


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SKERRY_PORT", "tcp://10.0.0.1:80"),
        ("SKERRY_SERVICE_HOST", "10.0.0.1"),
        ("SKERRY_SERVICE_PORT", "80"),
        ("SKERRY_SERVICE_PORT_HTTP", "80"),
        ("SKERRY_PORT_80_TCP", "tcp://10.0.0.1:80"),
        ("SKERRY_PORT_80_TCP_PROTO", "tcp"),
        ("SKERRY_PORT_80_TCP_PORT", "80"),
        ("SKERRY_PORT_80_TCP_ADDR", "10.0.0.1"),
        ("SKERRY_CANARY_SERVICE_HOST", "10.0.0.1"),
        ("SKERRY_CANARY_PORT_53_UDP_ADDR", "10.0.0.1"),
        ("SKERRY_CANARY_PORT", "tcp://10.0.0.1:80"),
    ],
)
def test_what_kubelet_sets_for_services_is_passed_over(name: str, value: str) -> None:
    assert 8080 == load_settings({}, {name: value}).port


@pytest.mark.parametrize(
    ("environment", "line"),
    [
        (
            {"SKERRY_MODEL_DIR": "/x"},
            "SKERRY_MODEL_DIR: there is no such setting (see docs/configuration.md)",
        ),
        (
            {"SKERRY_Port": "1"},
            "SKERRY_Port: there is no such setting (see docs/configuration.md)",
        ),
        (
            {"SKERRY_PORT": "http"},
            "SKERRY_PORT: Input should be a valid integer,"
            " unable to parse string as an integer, got 'http'",
        ),
        (
            {"SKERRY_PORT": "65536"},
            "SKERRY_PORT: Input should be less than or equal to 65535, got '65536'",
        ),
        (
            {"SKERRY_VERSION_POLICY": "newest"},
            "SKERRY_VERSION_POLICY: expected all, latest:N or specific:v1,v2, got 'newest'",
        ),
        (
            {"SKERRY_MODELS": "a/b"},
            "SKERRY_MODELS: 'a/b' can't be the name of a model, got 'a/b'",
        ),
        (
            {"SKERRY_TRAFFIC": '{"schema_version": 1}', "SKERRY_TRAFFIC_FILE": "/x"},
            "SKERRY_TRAFFIC and SKERRY_TRAFFIC_FILE are both set: set one of them",
        ),
        (
            {"SKERRY_TRAFFIC": '{"schema_version": 1, "models": {"iris": {}}}'},
            "SKERRY_TRAFFIC: models.iris.stable: expected a version, got none",
        ),
        (
            {"SKERRY_TRAFFIC": "["},
            "SKERRY_TRAFFIC: expected YAML or JSON, got '['",
        ),
        (
            {"SKERRY_ADMIN_TOKEN": ""},
            "SKERRY_ADMIN_TOKEN: String should have at least 1 character",
        ),
    ],
)
def test_a_wrong_setting_is_named_in_one_line(environment: dict[str, str], line: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({}, environment)

    assert line == str(caught.value)


def test_a_token_loses_the_line_break_of_its_file() -> None:
    assert "hush" == load_settings({}, {"SKERRY_ADMIN_TOKEN": "hush\n"}).admin_token


def test_a_token_that_no_header_can_carry_is_refused_and_not_shown() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({}, {"SKERRY_API_TOKEN": "geheim-ü"})

    assert "SKERRY_API_TOKEN: expected printable ASCII characters" == str(caught.value)


def test_tokens_do_not_show_in_the_representation() -> None:
    settings = load_settings({}, {"SKERRY_ADMIN_TOKEN": "hush", "SKERRY_API_TOKEN": "hush"})

    assert "hush" not in repr(settings)
