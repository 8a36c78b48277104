"""Where order and result put a study, whoever asks: the brake, an order, a priority given back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, func, select

from triage.store.placing import STANDS, unassessed
from triage.store.records import Placement, StandingDecision
from triage.store.schema import controls, decisions, instances, studies, work_items
from triage.values import ImageState, StudyState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.engine import Connection
    from sqlalchemy.sql.elements import ColumnElement

    from triage.store.records import Films

PAUSED = "paused"


def is_paused(connection: Connection) -> bool:
    """Whether the brake is on, as one transaction sees it."""
    query = select(controls.c.value).where(controls.c.name == PAUSED)
    return bool(connection.execute(query).scalar_one_or_none())


def placement_of(
    connection: Connection,
    study_instance_uid: str,
    placing: Callable[[StandingDecision], Placement],
) -> Placement:
    """Return where a study belongs; while the brake is on, where its order alone puts it."""
    chosen = placing if not is_paused(connection) else as_ordered
    query = _standing(studies.c.study_instance_uid == study_instance_uid)
    films = films_of(connection, instances.c.study_instance_uid == study_instance_uid)
    return _placed(connection.execute(query).one(), chosen, films.get(study_instance_uid, ()))


def placements(
    connection: Connection, placing: Callable[[StandingDecision], Placement]
) -> Iterator[tuple[Any, Placement]]:
    """Yield every open study's row with the place where the study belongs."""
    rows = connection.execute(_standing(work_items.c.ended_at.is_(None))).all()
    films = films_of(connection)
    for row in rows:
        yield row, _placed(row, placing, films.get(row.study_instance_uid, ()))


def as_ordered(stands: StandingDecision) -> Placement:
    """Place a decided study as if its result had no effect; what was found out stays told."""
    return Placement(stands.order_priority.reading_class, stands.reasons, stands.outcome)


def _placed(
    row: Any,  # noqa: ANN401 - a row of _standing
    placing: Callable[[StandingDecision], Placement],
    films: Films,
) -> Placement:
    if row.decided_outcome is None or row.state is not StudyState.DECIDED:
        return unassessed(row.order_priority)
    return placing(
        StandingDecision(
            study_instance_uid=row.study_instance_uid,
            order_priority=row.order_priority,
            outcome=row.decided_outcome,
            reasons=tuple(row.decided_reasons),
            spared=row.spared,
            flagged=tuple(row.decided_flagged),
            films=films,
        )
    )


def films_of(connection: Connection, *chosen: ColumnElement[bool]) -> dict[str, Films]:
    """Return where the films of studies came from: institution and sender."""
    institution = instances.c.facts["institution_name"].as_string()
    query = select(instances.c.study_instance_uid, institution, instances.c.calling_ae_title).where(
        ~instances.c.superseded, instances.c.state != ImageState.HEADER_ONLY, *chosen
    )
    found: dict[str, Films] = {}
    for study, name, title in connection.execute(query):
        known, film = found.get(study, ()), (name or "", title)
        if film not in known:
            found[study] = (*known, film)
    return found


def _standing(holds: ColumnElement[bool]) -> Any:  # noqa: ANN401 - a statement of eight columns
    """Select studies with the last of their decisions."""
    last = (
        select(func.max(decisions.c.number))
        .where(decisions.c.study_instance_uid == studies.c.study_instance_uid)
        .correlate(studies)
        .scalar_subquery()
    )
    return (
        select(
            *STANDS,
            studies.c.state,
            studies.c.order_priority,
            decisions.c.outcome.label("decided_outcome"),
            decisions.c.reasons.label("decided_reasons"),
            decisions.c.flagged.label("decided_flagged"),
            decisions.c.spared,
        )
        .join_from(studies, work_items)
        .outerjoin(
            decisions,
            and_(
                decisions.c.study_instance_uid == studies.c.study_instance_uid,
                decisions.c.number == last,
            ),
        )
        .where(holds)
    )
