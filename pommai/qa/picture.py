"""Pictures of figures, all of one look."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pommai.errors import PommaiError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_STYLE: Final[Any] = {  # matplotlib's own type has a Literal of three hundred names
    "svg.fonttype": "none",  # text stays text: it can be searched and read aloud
    "svg.hashsalt": "pommai",  # the same figures make the same file
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e7ee",
    "axes.edgecolor": "#9aa1b0",
    "axes.axisbelow": True,
}


class NoPictureError(PommaiError):
    """There is no matplotlib. The message says how to get it."""


def draw_picture(
    title: str, size: tuple[float, float], fill: Callable[[Figure], None], paths: Sequence[Path], dpi: int = 150
) -> None:
    """Write what `fill` puts under the title into files; their suffixes say how: .png, .svg. `size` is in inches.

    Raises NoPictureError, OSError.
    """
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError:
        raise NoPictureError(
            "there is no picture, because matplotlib is not installed; get it with: pip install 'pommai[load]'"
        ) from None
    with rc_context(_STYLE):
        figure = Figure(figsize=size, layout="constrained")
        figure.suptitle(title, fontsize=14, fontweight="bold")
        fill(figure)
        for path in paths:
            figure.savefig(path, dpi=dpi, metadata={"Date": None} if path.suffix == ".svg" else None)
