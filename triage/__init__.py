"""Triage of cervical spine radiographs beside a hospital's PACS."""

__version__ = "0.1.0"
