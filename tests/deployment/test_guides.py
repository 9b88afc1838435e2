"""The guides lead somewhere: links, the anchors in them, and the repository's own files that they name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import ROOT

GUIDES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "k8s" / "README.md", *(ROOT / "docs").glob("*.md")])
each_guide = pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.relative_to(ROOT).as_posix())


def prose(guide: Path) -> str:
    """A guide without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", guide.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


def anchors(guide: Path) -> set[str]:
    """Those that GitHub gives the headings."""
    headings = re.findall(r"^#+ (.*)$", prose(guide), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each_guide
def test_every_link_leads_to_a_file_and_a_heading_of_it(guide: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(guide)):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (guide.parent / path).resolve() if path else guide
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@each_guide
def test_files_and_modules_that_are_named_exist(guide: Path) -> None:
    text = guide.read_text(encoding="utf-8")
    files = re.findall(r"(?<![\w./-])(?:docker|docs|k8s|tests|requirements)/[\w./-]*\w", text)
    assert not [path for path in files if not (ROOT / path).exists() and not path.endswith(("/acme", ".pem"))]
    for module in re.findall(r"python -m ((?:gateway|serving|training|tests)[\w.]*\w)", text):
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").is_file() or path.is_dir(), module
