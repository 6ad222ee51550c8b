"""What the package knows of one request, whichever protocol it came by."""

from __future__ import annotations

from .http import Header
from .request import (
    BEGINNING,
    Name,
    Outcome,
    Parsed,
    ReadBody,
    Request,
    Server,
    Trace,
    UploadedFile,
)

__all__ = [
    "BEGINNING",
    "Header",
    "Name",
    "Outcome",
    "Parsed",
    "ReadBody",
    "Request",
    "Server",
    "Trace",
    "UploadedFile",
]
