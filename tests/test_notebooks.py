"""The notebooks as they are kept: with their outputs, without warnings, short, and small. That they run is
held by `make notebook-test`.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[1] / "examples/notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))

#: What a code host shows without a click.
LARGEST = 600_000


def cells(path: Path, kind: str) -> list[dict[str, Any]]:
    return [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == kind]


def source(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def test_there_are_six() -> None:
    assert [path.name[0] for path in NOTEBOOKS] == list("123456")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_outputs_are_kept_and_nothing_went_wrong(path: Path) -> None:
    code = cells(path, "code")
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell["outputs"]]
    assert any("image/png" in output.get("data", {}) for output in outputs) or path.stem == "6_course"
    assert not [output for output in outputs if output["output_type"] == "error"]
    assert not [output for output in outputs if output.get("name") == "stderr"]
    assert path.stat().st_size < LARGEST


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_nothing_of_one_machine_is_kept(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"/(home|root|tmp|work)/", text)
    assert '"execution"' not in text


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_definitions_belong_in_the_package(path: Path) -> None:
    defined = re.findall(r"^(?:def|class) .*", "\n".join(map(source, cells(path, "code"))), re.MULTILINE)
    # A workload is the reader's own.
    assert all(line.startswith("def work(") for line in defined)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_prose_is_short_and_its_links_lead_somewhere(path: Path) -> None:
    prose = [source(cell) for cell in cells(path, "markdown")]
    assert prose[0].startswith("# ")
    assert prose[-1].startswith("## Try next")
    assert all(len(text) < 900 for text in prose)
    for link in re.findall(r"\]\(([^)#]+)\)", "\n".join(prose)):
        assert (FOLDER / link).exists(), link
