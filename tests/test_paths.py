"""Outputs that cannot be written: each message names the file as its user did."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import replibank

LIMIT = 60


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "input.json"
    path.write_text(json.dumps([{"id": 1, "type": "branch", "balance": 400}]))
    return path


def called(*words, **options):
    command = [sys.executable, "-m", "replibank", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False, **options)


def refused(done):
    """The one line that it said."""
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    return done.stderr.removeprefix("error: ").rstrip()


def test_a_full_device(path):
    said = refused(called("run", path, "-o", "/dev/full"))
    assert said.startswith("/dev/full cannot be written (no space left on device): name another file")


def test_a_directory_that_takes_no_files(path):
    said = refused(called("run", path, "-o", "output.json", cwd="/proc"))
    assert said.startswith("output.json cannot be written (")
    assert ".tmp" not in said


def test_a_link_to_nowhere(path, tmp_path):
    link = tmp_path / "link.json"
    link.symlink_to(tmp_path / "gone" / "output.json")
    said = refused(called("run", path, "-o", "link.json", cwd=tmp_path))
    assert said.startswith("the directory of link.json, a link to ")
    assert f"{tmp_path}/gone/output.json, does not exist" in said


def test_a_working_directory_that_is_gone(path, tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    line = f"rmdir {gone}; exec {sys.executable} -m replibank run {path} -o output.json"
    environment = {**os.environ, "PYTHONPATH": str(Path(replibank.__file__).parents[1])}
    command = ["bash", "-c", line]
    done = subprocess.run(
        command, cwd=gone, capture_output=True, text=True, timeout=LIMIT, check=False, env=environment
    )
    assert refused(done).startswith("output.json is nowhere, for the working directory is gone")


def test_a_runtime_directory_that_cannot_be(path):
    said = refused(called("serve", path, env={**os.environ, "XDG_RUNTIME_DIR": "/proc"}))
    assert said.startswith("/proc/replibank cannot be made (")
    assert "set XDG_RUNTIME_DIR to a directory" in said


@pytest.mark.parametrize("name", ["/dev/full", "/proc/output.json"])
def test_the_package_names_the_file_too(path, name):
    with pytest.raises(OSError, match=name) as failure:
        replibank.run(path).write(name)
    assert failure.value.filename == name


@pytest.mark.skipif(
    not (Path(__file__).parents[1] / ".git").exists() or shutil.which("git") is None,
    reason="this is no clone, or git is not here",
)
def test_outputs_of_examples_are_ignored_and_nothing_else_that_is_kept():
    def git(*words):
        command = ["git", "-C", Path(__file__).parents[1], *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)

    for output in ("output.json", "examples/course/grpc/output.json"):
        assert git("check-ignore", "--quiet", output).returncode == 0, output
    kept = git("ls-files", "--cached", "--ignored", "--exclude-standard")
    assert (kept.returncode, kept.stdout) == (0, ""), kept.stderr
