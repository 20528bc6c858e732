"""Metrics under Prometheus names, fed by events and written as a text file that a node exporter can collect."""

from __future__ import annotations

from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from voicesieve.files import atomic_file
from voicesieve.observability.events import Event
from voicesieve.observability.redaction import redact

SECONDS = (0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000)


class Metrics:
    """A sink that counts. One object per run; `write` makes its values readable from outside."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._discovered = Counter(
            "voicesieve_videos_discovered", "Videos never seen before.", ["query"], registry=self.registry
        )
        self._decided = Counter("voicesieve_videos_decided", "Decisions.", ["outcome"], registry=self.registry)
        self._failures = Counter("voicesieve_failures", "Failed attempts.", ["stage", "kind"], registry=self.registry)
        self._retries = Counter("voicesieve_retries", "Attempts after the first.", ["stage"], registry=self.registry)
        self._bytes = Counter("voicesieve_fetched_bytes", "Bytes of finished fetches.", registry=self.registry)
        self._audio = Counter("voicesieve_analysed_audio_seconds", "Audio analysed.", registry=self.registry)
        self._child = Counter("voicesieve_child_speech_seconds", "Child speech accepted.", registry=self.registry)
        self._stage = Histogram(
            "voicesieve_stage_seconds", "Time of a stage.", ["stage"], buckets=SECONDS, registry=self.registry
        )
        self._wait = Gauge(
            "voicesieve_catalog_wait_seconds", "Time spent waiting for the catalog.", registry=self.registry
        )
        self._busy = Gauge("voicesieve_catalog_busy_waits", "Writes that had to wait.", registry=self.registry)
        self._timeouts = Gauge("voicesieve_catalog_timeouts", "Writes given up waiting.", registry=self.registry)
        self._backups = Counter("voicesieve_backups", "Copies of the catalog.", ["outcome"], registry=self.registry)
        self._requests = Counter(
            "voicesieve_http_requests", "HTTP requests by class of answer.", ["answer"], registry=self.registry
        )
        self._received = Counter("voicesieve_http_received_bytes", "Bytes of answers.", registry=self.registry)
        for outcome in ("made", "failed"):
            self._backups.labels(outcome=outcome)

    def __call__(self, event: Event) -> None:
        facts = event.fields
        if event.name == "page_committed":
            self._discovered.labels(query=redact(facts["query"])).inc(facts["new"])
        elif event.name == "attempt_failed":
            self._failures.labels(stage=facts["stage"], kind=facts["kind"]).inc()
        elif event.name == "attempt_started" and facts["retry"]:
            self._retries.labels(stage=facts["stage"]).inc()
        elif event.name == "video_fetched":
            self._bytes.inc(facts["bytes"])
            self._stage.labels(stage="fetch").observe(facts["took_s"])
        elif event.name == "video_decided":
            self._decided.labels(outcome=facts["outcome"]).inc()
            self._audio.inc(facts["duration_s"])
            self._child.inc(facts["child_s"] if facts["outcome"] == "accepted" else 0)
            self._stage.labels(stage="analyse").observe(facts["took_s"])
        elif event.name == "http_request":
            status = facts["status"]
            self._requests.labels(answer="none" if status is None else f"{status // 100}xx").inc()
            self._received.inc(facts["bytes"] or 0)
        elif event.name in ("backup_made", "backup_failed"):
            self._backups.labels(outcome=event.name.removeprefix("backup_")).inc()
        elif event.name == "catalog_waits":
            self._wait.set(facts["wait_s"])
            self._busy.set(facts["busy_waits"])
            self._timeouts.set(facts["timeouts"])

    def write(self, path: Path) -> None:
        """Write all values in Prometheus text format."""
        with atomic_file(path) as file:
            file.write(generate_latest(self.registry))
