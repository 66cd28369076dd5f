"""Runs every notebook here again and writes its outputs into it: `make notebooks`.

When a cell ran is not kept, so that a notebook changes only where its outputs do.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).parent

#: Seconds that a cell may take.
PATIENCE = 120


def main(names: list[str]) -> None:
    for path in [Path(name) for name in names] or sorted(HERE.glob("*.ipynb")):
        began = time.perf_counter()
        notebook = nbformat.read(path, as_version=4)
        client = NotebookClient(notebook, timeout=PATIENCE, resources={"metadata": {"path": str(HERE)}})
        client.record_timing = False
        client.execute()
        # Which interpreter it was is not the notebook's.
        notebook.metadata.language_info = {"name": "python"}
        nbformat.write(notebook, path)
        print(f"{path.name}: {time.perf_counter() - began:.1f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
