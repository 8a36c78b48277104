"""The verbs of what a viewer draws over a film; none of them touches a result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select, text, update

from triage.store.database import Database
from triage.store.film_views_schema import WAITING, film_views
from triage.store.records import facts_from_json
from triage.store.schema import instances

if TYPE_CHECKING:
    from collections.abc import Sequence

    from triage.values import HeaderFacts

# A film that cost its worker's life, or failed, this often is not drawn.
MOST_ATTEMPTS = 2


@dataclass(frozen=True, slots=True)
class Landmark:
    """A point of the spine on a film.

    Attributes:
        x: Pixels of the film from its left edge; pixel centres are at integers.
        y: Likewise from its upper edge.
        confidence: Of the network that found it, 0 to 1.
    """

    x: float
    y: float
    confidence: float


@dataclass(frozen=True, slots=True)
class FilmView:
    """What a viewer can draw over a film.

    Attributes:
        bundle_digest: The bundle that looked at it.
        rows: Height of the film in pixels, as decoded.
        columns: Its width.
        landmarks: In the order of the locator.
        finding: The finding that raised the film; empty for one that nothing raised.
        saliency: File under the state folder that shows where the networks looked for it;
            empty while there is none.
    """

    bundle_digest: str
    rows: int
    columns: int
    landmarks: tuple[Landmark, ...]
    finding: str = ""
    saliency: str = ""


@dataclass(frozen=True, slots=True)
class FilmToExplain:
    """A film of which it is still to be drawn where the networks looked."""

    instance_id: int
    sop_instance_uid: str
    path: str
    facts: HeaderFacts
    finding: str


class FilmViewVerbs(Database):
    """What worker and viewer say to the store about the pictures over films."""

    def keep_film_views(self, views: Sequence[tuple[int, FilmView]]) -> None:
        """Keep what was found on films, by instance, in place of what was kept before."""
        with self.writing() as connection:
            numbers = [instance_id for instance_id, _ in views]
            connection.execute(delete(film_views).where(film_views.c.instance_id.in_(numbers)))
            for instance_id, view in views:
                connection.execute(
                    insert(film_views).values(
                        instance_id=instance_id,
                        bundle_digest=view.bundle_digest,
                        rows=view.rows,
                        columns=view.columns,
                        landmarks=[[one.x, one.y, one.confidence] for one in view.landmarks],
                        finding=view.finding,
                        saliency=view.saliency,
                    )
                )

    def film_to_explain(self, bundle_digest: str) -> FilmToExplain | None:
        """Return the newest film that waits for its saliency, and count the try.

        Returns:
            None when none waits that this bundle has looked at.
        """
        query = (
            select(film_views, instances)
            .join_from(film_views, instances)
            .where(
                text(WAITING),
                film_views.c.bundle_digest == bundle_digest,
                film_views.c.attempts < MOST_ATTEMPTS,
                ~instances.c.superseded,
            )
            .order_by(film_views.c.instance_id.desc())
            .limit(1)
        )
        with self.reading() as connection:  # the usual answer is none: it should cost no lock
            row = connection.execute(query).first()
        if row is None:
            return None
        with self.writing() as connection:
            connection.execute(
                update(film_views)
                .where(film_views.c.instance_id == row.instance_id)
                .values(attempts=film_views.c.attempts + 1)
            )
        return FilmToExplain(
            instance_id=row.instance_id,
            sop_instance_uid=row.sop_instance_uid,
            path=row.path,
            facts=facts_from_json(row.facts),
            finding=row.finding,
        )

    def keep_saliency(self, instance_id: int, bundle_digest: str, name: str) -> bool:
        """Record where the saliency of a film was written; False when it was looked at anew."""
        with self.writing() as connection:
            done = connection.execute(
                update(film_views)
                .where(
                    film_views.c.instance_id == instance_id,
                    film_views.c.bundle_digest == bundle_digest,
                )
                .values(saliency=name)
            )
        return done.rowcount == 1

    def study_film_views(self, study_instance_uid: str) -> dict[tuple[str, int], FilmView]:
        """Return what can be drawn over a study's films, by SOP Instance UID and version."""
        query = (
            select(film_views, instances.c.sop_instance_uid, instances.c.version)
            .join_from(film_views, instances)
            .where(instances.c.study_instance_uid == study_instance_uid)
        )
        with self.reading() as connection:
            return {
                (row.sop_instance_uid, row.version): FilmView(
                    bundle_digest=row.bundle_digest,
                    rows=row.rows,
                    columns=row.columns,
                    landmarks=tuple(Landmark(*point) for point in row.landmarks),
                    finding=row.finding,
                    saliency=row.saliency,
                )
                for row in connection.execute(query)
            }
