"""Peak memory of a process, as the kernel counts it."""

from __future__ import annotations

from pathlib import Path


def peak_megabytes(pid: int) -> float:
    """Return the peak resident size (VmHWM) of a living process in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (peak,) = [line for line in lines if line.startswith("VmHWM")]
    return int(peak.split()[1]) / 1024
