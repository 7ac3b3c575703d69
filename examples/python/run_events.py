"""A training run as OTLP events, with only the official OpenTelemetry SDK.

A run is a stream of log records with an event name. What makes it a run for the hub:

- the *resource* says which run and which process: ``llm.run.id``, ``llm.run.name``, ``llm.run.project``, ``llm.rank``,
  ``llm.world_size``, ``service.name``, ``service.instance.id``;
- every record has ``llm.run.seq``, counting from 0 without holes. (run id, rank, seq) is the identity of a record: sent
  twice, it is stored once; a hole shows as missing;
- its time is the time at which it was made, not sent.

Copy this file into your project: it needs nothing else of this repository.
"""

import os
import socket
import threading
import time
import uuid

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource

# The SDK's queue drops the oldest record when it is full, so it is emptied long before that.
QUEUE_SIZE = 8192
FLUSH_EVERY = 2048

SEVERITIES = {
    "info": SeverityNumber.INFO,
    "warning": SeverityNumber.WARN,
    "error": SeverityNumber.ERROR,
}


def spelled(value):
    """As the hub's API spells it; Python says nan and inf."""
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"


class Run:
    """``with Run(...) as run: run.step({"train/loss": 0.5}, step=0)``.

    Ends as ``finished``, as ``failed`` when an exception leaves the block, and as ``killed`` on Ctrl-C or ``SystemExit``.
    Where records go is the SDK's to know: OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS ...
    """

    def __init__(self, project, name, params=None, tags=None, source=None, run_id=None, rank=None, world_size=None):
        self.id = run_id or os.environ.get("LLM_OTEL_RUN_ID") or str(uuid.uuid4())
        rank = int(os.environ.get("RANK", "0")) if rank is None else rank
        world_size = int(os.environ.get("WORLD_SIZE", "1")) if world_size is None else world_size
        # A resource of its own for every run: a process may have several, one after another.
        resource = Resource.create(
            {
                "service.name": os.environ.get("OTEL_SERVICE_NAME", "trainer"),
                "service.instance.id": str(uuid.uuid4()),
                "host.name": socket.gethostname(),
                "process.pid": os.getpid(),
                "llm.run.id": self.id,
                "llm.run.name": name,
                "llm.run.project": project,
                "llm.rank": rank,
                "llm.world_size": world_size,
                "llm.run.attempt": 1,
            }
        )
        self._provider = LoggerProvider(resource=resource)
        self._provider.add_log_record_processor(
            BatchLogRecordProcessor(OTLPLogExporter(), max_queue_size=QUEUE_SIZE, schedule_delay_millis=1000)
        )
        self._logger = self._provider.get_logger("llm-otel.examples.python")
        self._lock = threading.Lock()
        self._seq = 0
        self._nan = set()
        self._ended = False
        self._emit(
            "llm.run.start",
            {"llm.run.tags": dict(tags or {}), "llm.run.source": dict(source or {})},
            dict(params or {}),
        )

    def step(self, values, step, epoch=None):
        """Values of one step (or of one validation: keys ``val/...``). NaN and infinities are kept and marked."""
        attributes = {"llm.training.step": int(step)}
        if epoch is not None:
            attributes["llm.training.epoch"] = float(epoch)
        # float(): a loss of 1 must travel as the double 1.0, as all others do.
        numbers = {key: float(value) for key, value in values.items()}
        self._emit("llm.training.step", attributes, numbers)
        for key, value in numbers.items():
            finite = value - value == 0.0
            if not finite and key not in self._nan:
                self._nan.add(key)
                self.note(f"{key} is {spelled(value)} since step {step}.", "error")
            elif finite and key in self._nan:
                self._nan.discard(key)
                self.note(f"{key} is finite again since step {step}.")

    def histogram(self, name, edges, counts, step, epoch=None):
        """Values in bins, such as ``numpy.histogram`` counts them: gradients, weights. One edge more than counts, rising."""
        attributes = {"llm.training.step": int(step), "llm.histogram.name": name}
        if epoch is not None:
            attributes["llm.training.epoch"] = float(epoch)
        body = {"edges": [float(edge) for edge in edges], "counts": [int(count) for count in counts]}
        self._emit("llm.training.histogram", attributes, body)

    def params(self, values):
        """Parameters that became known later."""
        self._emit("llm.run.params", {}, dict(values))

    def note(self, text, severity="info"):
        self._emit("llm.run.note", {"llm.note.severity": severity}, text, SEVERITIES[severity])

    def end(self, status="finished", summary=None):
        """Sends what is left. Nothing can be recorded afterwards."""
        if self._ended:
            return
        self._emit("llm.run.end", {"llm.run.status": status}, dict(summary or {}))
        self._ended = True
        self._provider.shutdown()

    @property
    def records(self):
        """Records made so far."""
        return self._seq

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        if kind is None:
            self.end("finished")
        elif issubclass(kind, Exception):
            self.note(f"{kind.__name__}: {error}", "error")
            self.end("failed")
        else:
            self.end("killed")

    def _emit(self, event, attributes, body, severity=SeverityNumber.INFO):
        if self._ended:
            raise RuntimeError(f"the run {self.id} has ended; nothing can be recorded any more")
        with self._lock:
            self._logger.emit(
                LogRecord(
                    timestamp=time.time_ns(),
                    event_name=event,
                    severity_number=severity,
                    attributes={"llm.run.seq": self._seq, **attributes},
                    body=body,
                )
            )
            self._seq += 1
            full = self._seq % FLUSH_EVERY == 0
        if full:
            self._provider.force_flush()
