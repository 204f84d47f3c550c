"""The dashboard's content, from top to bottom."""

from __future__ import annotations

from helm.dashboard.panels import (
    ASKED,
    FAILED,
    MODEL,
    PROCESS,
    RATE,
    VERSION,
    Panel,
    Row,
    growth,
    mean,
    quantile,
    rate,
    share,
    share_of_version,
    stat,
    table,
)

TRACK = "by (version, track)"
POD = "by (pod, instance)"
OF_TRACK = "{{version}} {{track}}"
OF_POD = "{{pod}} {{instance}}"
SECONDS = "http_request_duration_seconds"
SHADOWS = "shadow_requests_total"

OVERVIEW = Row(
    "Overview",
    (
        stat(
            "Pods",
            "Processes that answer Prometheus, of all models.",
            f"count(skerry_build_info{{{PROCESS}}})",
            unit="none",
        ),
        stat(
            "Requests",
            "Predictions asked of the model, on all tracks.",
            rate("http_requests_total", ASKED),
            unit="reqps",
        ),
        stat(
            "Errors",
            "Share of them that were answered with 5xx.",
            share(rate("http_requests_total", FAILED), rate("http_requests_total", ASKED)),
            unit="percentunit",
            steps={"green": 0, "orange": 0.01, "red": 0.05},
        ),
        stat(
            "p99",
            "The time that one of a hundred requests takes longer than.",
            quantile(0.99, SECONDS, ASKED),
            unit="s",
            steps={"green": 0, "orange": 0.5, "red": 1},
        ),
        stat(
            "READY versions",
            "Versions of the model that are READY in some pod.",
            f'sum(max {VERSION} (skerry_version_state{{{MODEL},state="READY"}}))',
            unit="none",
            steps={"red": 0, "green": 1},
        ),
        stat(
            "FAILED versions",
            "Versions that are FAILED in some pod; GET /api/v1/models/MODEL says why.",
            f'sum(max {VERSION} (skerry_version_state{{{MODEL},state="FAILED"}}))',
            unit="none",
            steps={"green": 0, "red": 1},
        ),
        stat(
            "Traffic",
            "Whether every pod follows the declared traffic policy.",
            f"min(skerry_traffic_in_force{{{MODEL}}})",
            steps={"orange": 0, "green": 1},
            names={"0": "differs", "1": "as declared"},
        ),
        stat(
            "Generations",
            "Traffic policies that pods follow: two while a change reaches one after the other.",
            f"count(count by (generation) (skerry_traffic_info{{{MODEL}}}))",
            unit="none",
            steps={"green": 0, "orange": 2},
        ),
    ),
)

TRACKS = Row(
    "Canary and stable",
    (
        Panel(
            "Requests",
            "Requests a second, by version and the track on which it was asked.",
            {OF_TRACK: rate("http_requests_total", ASKED, TRACK)},
            unit="reqps",
        ),
        Panel(
            "Errors",
            "Share of the requests that were answered with 5xx.",
            {
                OF_TRACK: share(
                    rate("http_requests_total", FAILED, TRACK),
                    rate("http_requests_total", ASKED, TRACK),
                )
            },
            unit="percentunit",
            steps={"green": 0, "red": 0.05},
        ),
        Panel(
            "Predictions by class",
            "Each class's share of a version's predictions, those of pinned requests among them.",
            {
                "{{version}} class {{class}}": share_of_version(
                    "predictions_total", "predictions_total", "class"
                )
            },
            unit="percentunit",
            top=1,
        ),
        Panel(
            "Latency, p50",
            "From a request's head to the end of its answer.",
            {OF_TRACK: quantile(0.5, SECONDS, ASKED, "version", "track")},
            unit="s",
        ),
        Panel(
            "Latency, p99",
            "From a request's head to the end of its answer.",
            {OF_TRACK: quantile(0.99, SECONDS, ASKED, "version", "track")},
            unit="s",
        ),
        Panel(
            "Confidence",
            "Highest class probability: the mean, and what a tenth of the answers are below.",
            {
                "{{version}} mean": mean("prediction_confidence_ratio"),
                "{{version}} p10": quantile(0.1, "prediction_confidence_ratio", MODEL, "version"),
            },
            unit="percentunit",
            top=1,
        ),
    ),
)

TRAFFIC = Row(
    "Traffic",
    (
        Panel(
            "Weights in force",
            "Part of the requests that pin no version, by pod.",
            {
                f"{OF_TRACK} {OF_POD}": (
                    "max by (pod, instance, version, track) "
                    f"(skerry_traffic_weight_ratio{{{MODEL}}})"
                )
            },
            unit="percentunit",
            top=1,
        ),
        table(
            "Generation by pod",
            "The traffic policy that each pod follows: 12 digits of the SHA-256 of its store.",
            f"max by (pod, instance, generation) (skerry_traffic_info{{{MODEL}}})",
        ),
        Panel(
            "Policy in force, and store errors",
            "1 where a pod follows the declared policy; how often its store became unreadable.",
            {
                f"in force {OF_POD}": f"min {POD} (skerry_traffic_in_force{{{MODEL}}})",
                f"store errors {OF_POD}": growth("traffic_store_errors_total", PROCESS, POD),
            },
        ),
    ),
)

VERSIONS = Row(
    "Versions",
    (
        Panel(
            "Pods by state",
            "In how many pods a version is in which state.",
            {
                "{{version}} {{state}}": (
                    f"sum by (version, state) (skerry_version_state{{{MODEL}}}) > 0"
                )
            },
            unit="none",
        ),
        table(
            "State by pod",
            "Every version in every pod, now.",
            f"max by (version, state, pod, instance) (skerry_version_state{{{MODEL}}}) == 1",
        ),
        Panel(
            "Loads that failed",
            "By version and reason.",
            {
                "{{version}} {{reason}}": growth(
                    "version_load_failures_total", MODEL, "by (version, reason)"
                )
            },
            unit="none",
        ),
        Panel(
            "Plan's speed-up",
            "How much faster than scikit-learn the plan answers one row.",
            {"{{version}}": f"avg {VERSION} (skerry_plan_speedup_ratio{{{MODEL}}})"},
            unit="none",
        ),
        Panel(
            "Load time",
            "How long the last good load took, in the slowest pod.",
            {"{{version}}": f"max {VERSION} (skerry_version_load_duration_seconds{{{MODEL}}})"},
            unit="s",
        ),
        Panel(
            "Memory of versions",
            "Resident memory that the load took, in the pod where it took most.",
            {"{{version}}": f"max {VERSION} (skerry_version_memory_bytes{{{MODEL}}})"},
            unit="bytes",
        ),
    ),
)

INFERENCE = Row(
    "Inference",
    (
        Panel(
            "One call of the model",
            "How long it takes, by what the plan chose to compute it.",
            {
                f"{{{{version}}}} {{{{executor}}}} p{percent}": quantile(
                    percent / 100, "inference_duration_seconds", MODEL, "version", "executor"
                )
                for percent in (50, 99)
            },
            unit="s",
        ),
        Panel(
            "Rows of one call",
            "The mean, of all requests that a call answers together.",
            {"{{version}}": mean("inference_batch_rows")},
        ),
        Panel(
            "Queue",
            "Rows that wait for a thread, by pod.",
            {OF_POD: f"sum {POD} (skerry_queue_rows{{{MODEL}}})"},
            unit="none",
        ),
        Panel(
            "Wait for a thread",
            "Of requests that need one; what is answered on the event loop does not wait.",
            {f"p{each}": quantile(each / 100, "queue_wait_seconds", MODEL) for each in (50, 99)},
            unit="s",
        ),
        Panel(
            "Refusals",
            "Answers that were a problem, by its slug (queue-full is 429), "
            "those among them that are about no model.",
            {
                "{{reason}}": rate(
                    "http_requests_rejected_total",
                    f'{PROCESS},model=~"$model|"',
                    "by (reason)",
                )
            },
            unit="reqps",
        ),
        Panel(
            "Requests in flight",
            "By pod, the scrape among them.",
            {OF_POD: f"sum {POD} (skerry_http_requests_in_flight{{{PROCESS}}})"},
            unit="none",
        ),
    ),
)

DRIFT = Row(
    "Drift",
    (
        Panel(
            "Stability index by feature",
            "Against training, the mean of all pods: from 0.1 a small shift, from 0.25 rows of "
            "another kind. It needs a manifest with training data, and 200 rows.",
            {
                "{{version}} {{feature}}": (
                    f"avg by (version, feature) (skerry_feature_stability_index{{{MODEL}}})"
                )
            },
            width=24,
            steps={"green": 0, "orange": 0.1, "red": 0.25},
        ),
        *(
            Panel(
                title,
                f"Share of the rows that were looked at {meaning}.",
                {
                    "{{version}} {{feature}}": share_of_version(
                        metric, "feature_rows_total", "feature"
                    )
                },
                unit="percentunit",
            )
            for title, metric, meaning in (
                (
                    "Out of range",
                    "feature_out_of_range_total",
                    "with a number below or above all of training",
                ),
                ("Missing values", "feature_missing_total", "that lack the value"),
                (
                    "Unseen categories",
                    "feature_unseen_category_total",
                    "with a category that training did not have",
                ),
            )
        ),
    ),
)

SHADOW = Row(
    "Shadow",
    (
        Panel(
            "Mirrored requests",
            "By what came of them.",
            {"{{version}} {{result}}": rate(SHADOWS, MODEL, "by (version, result)")},
            unit="reqps",
        ),
        Panel(
            "Disagreement",
            "Share of the answers that were compared and are not those that were served.",
            {
                "{{version}}": share(
                    rate(SHADOWS, f'{MODEL},result="disagreed"', VERSION),
                    rate(SHADOWS, f'{MODEL},result=~"agreed|disagreed"', VERSION),
                )
            },
            unit="percentunit",
        ),
        Panel(
            "Largest difference",
            "p99 of the largest difference between two answers to one request.",
            {"{{version}}": quantile(0.99, "shadow_difference_ratio", MODEL, "version")},
            unit="none",
        ),
    ),
)

PROCESSES = Row(
    "Process",
    (
        Panel(
            "CPU",
            "CPUs in use, by pod.",
            {OF_POD: f"sum {POD} (rate(process_cpu_seconds_total{{{PROCESS}}}{RATE}))"},
        ),
        Panel(
            "Memory",
            "Resident memory by pod, and the limit of its container where there is one.",
            {
                OF_POD: f"sum {POD} (process_resident_memory_bytes{{{PROCESS}}})",
                f"limit {OF_POD}": f"sum {POD} (skerry_memory_limit_bytes{{{PROCESS}}})",
            },
            unit="bytes",
        ),
        Panel(
            "Open files",
            "Connections among them, by pod.",
            {OF_POD: f"sum {POD} (process_open_fds{{{PROCESS}}})"},
            unit="none",
        ),
        table(
            "What runs",
            "Versions of Skerry, Python and scikit-learn.",
            f"max by (pod, instance, version, python, sklearn) (skerry_build_info{{{PROCESS}}})",
            width=24,
            height=6,
        ),
    ),
)

ROWS = (OVERVIEW, TRACKS, TRAFFIC, VERSIONS, INFERENCE, DRIFT, SHADOW, PROCESSES)

TRAFFIC_CHANGES = (
    f"max by (generation) (skerry_traffic_info{{{MODEL}}}) unless "
    f"max by (generation) (skerry_traffic_info{{{MODEL}}} offset 1m)"
)
"""A series at every moment within a minute after a traffic policy came into force."""
