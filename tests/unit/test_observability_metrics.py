"""Metrics count what the events tell, in a text that Prometheus' own parser reads."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from voicesieve.observability.events import Event
from voicesieve.observability.metrics import Metrics


def written(metrics: Metrics, folder: Path) -> dict[tuple[str, tuple[str, ...]], float]:
    path = folder / "metrics.prom"
    metrics.write(path)
    assert [file.name for file in folder.iterdir()] == ["metrics.prom"]
    families = text_string_to_metric_families(path.read_text())
    return {
        (s.name, tuple(s.labels[name] for name in sorted(s.labels))): s.value
        for family in families
        for s in family.samples
    }


def test_the_text_holds_what_happened(tmp_path: Path) -> None:
    metrics = Metrics()
    metrics(Event("page_committed", {"query": "urls:list", "new": 3}))
    metrics(Event("attempt_started", {"stage": "fetch", "retry": False}))
    metrics(Event("attempt_started", {"stage": "fetch", "retry": True}))
    metrics(Event("attempt_failed", {"stage": "fetch", "kind": "timeout"}))
    metrics(Event("video_fetched", {"bytes": 1_000, "took_s": 0.2}))
    decided = {"duration_s": 10.0, "child_s": 4.0, "took_s": 2.0}
    metrics(Event("video_decided", {"outcome": "accepted", **decided}))
    metrics(Event("video_decided", {"outcome": "rejected", **decided}))
    metrics(Event("catalog_waits", {"wait_s": 1.5, "busy_waits": 2, "timeouts": 0}))
    metrics(Event("run_ended", {"ending": "done"}))
    samples = written(metrics, tmp_path)
    assert samples["voicesieve_videos_discovered_total", ("urls:list",)] == 3
    assert samples["voicesieve_retries_total", ("fetch",)] == 1
    assert samples["voicesieve_failures_total", ("timeout", "fetch")] == 1
    assert samples["voicesieve_fetched_bytes_total", ()] == 1_000
    assert samples["voicesieve_videos_decided_total", ("accepted",)] == 1
    assert samples["voicesieve_analysed_audio_seconds_total", ()] == 20
    assert samples["voicesieve_child_speech_seconds_total", ()] == 4
    assert samples["voicesieve_stage_seconds_count", ("analyse",)] == 2
    assert samples["voicesieve_stage_seconds_sum", ("fetch",)] == pytest.approx(0.2)
    assert samples["voicesieve_catalog_wait_seconds", ()] == 1.5
    assert samples["voicesieve_catalog_busy_waits", ()] == 2


def test_a_private_feed_keeps_its_key_and_an_odd_name_its_place(tmp_path: Path) -> None:
    metrics = Metrics()
    query = 'rss:https://me:canary@a.example/feed?token=canary&x="1"\n'
    metrics(Event("page_committed", {"query": query, "new": 1}))
    samples = written(metrics, tmp_path)
    assert "canary" not in (tmp_path / "metrics.prom").read_text()
    queries = {labels[0] for _, labels in samples if labels}
    assert 'rss:https://[secret]@a.example/feed?token=[secret]&x="1"\n' in queries


def test_two_runs_in_one_process_count_apart(tmp_path: Path) -> None:
    first, second = Metrics(), Metrics()
    first(Event("video_fetched", {"bytes": 5, "took_s": 0.1}))
    assert written(second, tmp_path)["voicesieve_fetched_bytes_total", ()] == 0
