"""Pictures of films: files of the state folder's own folders, and from nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response

if TYPE_CHECKING:
    from triage.web.site import Site

_FOLDER = "thumbnails"


def picture(site: Site, name: str, missing: str) -> Response:
    """Answer with a picture.

    Args:
        site: Whose.
        name: Path relative to the state folder; empty for none.
        missing: What is said when there is none.

    Raises:
        HTTPException: 404; there is none, or it is not where pictures are.
    """
    folder = (site.settings.state_folder / _FOLDER).resolve()
    path = (site.settings.state_folder / name).resolve()
    if not name or not path.is_relative_to(folder) or not path.is_file():
        raise HTTPException(404, missing)
    return FileResponse(path, media_type="image/png")
