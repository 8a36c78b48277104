"""`triage demo`: the real daemon, a PACS on loopback, and a morning of phantom films."""

from __future__ import annotations

from triage.demo.demonstration import demonstrate

__all__ = ["demonstrate"]
