"""The page on paper, by WeasyPrint, which needs the system library Pango."""

from __future__ import annotations

from pathlib import Path

from training.errors import TrainingError


class PdfUnavailable(TrainingError):
    """WeasyPrint or what it draws text with is not installed."""


def write_pdf(html: str, path: Path) -> Path:
    """Writes a self-contained page as PDF.

    Raises:
        PdfUnavailable: WeasyPrint or Pango is missing.
    """
    try:
        import weasyprint
    # OSError: the system's libraries are loaded at import, by name.
    except (ImportError, OSError) as error:
        raise PdfUnavailable(
            "WeasyPrint needs the library Pango. Install it (Debian, Ubuntu: apt install libpango-1.0-0 "
            "libpangoft2-1.0-0; macOS: brew install pango), then run `python -m training report` "
            f"({_first_line(error)})"
        ) from error
    weasyprint.HTML(string=html, base_url=None).write_pdf(path)
    return path


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]
