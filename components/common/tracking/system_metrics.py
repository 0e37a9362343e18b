"""How busy the machine is while a student trains."""

from __future__ import annotations

import logging


class SystemMetrics:
    """MLflow's own monitor, asked when it suits: its thread would end for good when a server is away."""

    def __init__(self, tracking_uri: str) -> None:
        """Begins to measure.

        Args:
          tracking_uri: Any store; the monitor wants one and is never let speak to it.
        """
        from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

        # Or each training is told anew that this machine has no GPU.
        logging.getLogger("mlflow.system_metrics").setLevel(logging.WARNING)
        self._monitor = SystemMetricsMonitor(run_id="", tracking_uri=tracking_uri)
        self.sample()  # processors are measured from one sample to the next

    def sample(self) -> dict[str, float]:
        """The machine's load since the last sample, by the names MLflow's pages know."""
        self._monitor.collect_metrics()
        sample = self._monitor.aggregate_metrics()
        for part in self._monitor.monitors:
            part.clear_metrics()
        return {f"system/{name}": float(value) for name, value in sample.items()}
