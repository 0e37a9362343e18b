"""Where a run keeps things: one folder, and nothing outside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class RunLayout:
    """The folder of one run."""

    root: Path

    @property
    def artifacts(self) -> Path:
        """The pipeline's artifacts, a folder a component."""
        return self.root / "artifacts"

    @property
    def metadata(self) -> Path:
        """ML Metadata (SQLite)."""
        return self.root / "metadata.db"

    @property
    def mlflow(self) -> Path:
        """The MLflow store (SQLite); its artifacts lie beside it."""
        return self.root / "mlflow.db"

    @property
    def outbox(self) -> Path:
        """What MLflow did not take yet."""
        return self.root / "outbox"

    @property
    def report(self) -> Path:
        """The page and the picture of the newest verdict."""
        return self.root / "report"

    @property
    def pushed(self) -> Path:
        """Version folders of the blessed variants."""
        return self.root / "pushed"

    @property
    def scratch(self) -> Path:
        """Checkpoints and computed features; may be deleted between runs."""
        return self.root / "scratch"

    @property
    def config(self) -> Path:
        """The resolved configuration of the newest run."""
        return self.root / "config.yaml"

    @property
    def log(self) -> Path:
        """What the libraries printed while runs went on."""
        return self.root / "log.txt"

    @property
    def identity(self) -> Path:
        """Tells this folder from any other."""
        return self.root / ".identity"

    @property
    def temporary(self) -> Path:
        """Temporary files of the run that goes on, and of its processes."""
        return self.root / ".tmp"

    @property
    def lock(self) -> Path:
        """Held while a run writes into the folder."""
        return self.root / ".lock"
