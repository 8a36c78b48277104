"""The table of what a viewer draws over a film: landmarks, and where the networks looked."""

from __future__ import annotations

from sqlalchemy import JSON, Column, ForeignKey, Index, Integer, String, Table, text

from triage.store.schema import metadata

# Which films still wait for their saliency; word for word as in the index.
WAITING = "finding <> '' AND saliency = ''"

film_views = Table(
    "film_views",
    metadata,
    Column("instance_id", ForeignKey("instances.instance_id"), primary_key=True),
    Column("bundle_digest", String(64), nullable=False),
    Column("rows", Integer, nullable=False),
    Column("columns", Integer, nullable=False),
    Column("landmarks", JSON, nullable=False),  # [x, y, confidence] each, pixels of the film
    Column("finding", String, nullable=False),  # what raised the film; empty for nothing
    Column("saliency", String, nullable=False, default=""),  # file; empty while not drawn
    Column("attempts", Integer, nullable=False, default=0),
    Index("film_views_waiting", "instance_id", sqlite_where=text(WAITING)),
)
