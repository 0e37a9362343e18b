"""Beam's file system of Google Cloud Storage with one client for all files.

Beam 2.77 makes a client anew for each question and each file, and with it a connection and its encryption.
"""

from __future__ import annotations

from typing import Any

from apache_beam.io.gcp.gcsfilesystem import GCSFileSystem
from apache_beam.io.gcp.gcsio import GcsIO

_latest: tuple[Any, GCSFileSystem] | None = None


def shared(system: GCSFileSystem) -> GCSFileSystem:
    """The file system that has the options of this one; the same one as long as they are the same."""
    global _latest
    options = system._pipeline_options
    if _latest is None or _latest[0] is not options:
        io = GcsIO(pipeline_options=options)
        # A subclass is no way: Beam takes every one for a file system of its own that claims gs:// too.
        system._gcsIO = lambda: io
        _latest = options, system
    return _latest[1]
