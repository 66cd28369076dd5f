"""Mutants: each is a small wrong change of the sources, and some test must fail of it. That proves that the
tests hold the rules which the mutants break.

    python3 tests/mutants/run.py            every mutant
    python3 tests/mutants/run.py --quick    those that `make test` runs
    python3 tests/mutants/run.py NAME...    these
    python3 tests/mutants/run.py --check    only whether each still applies: nothing is built

The mutants are in the .toml files beside this one. Each has its rule, the exact text that it changes,
and who catches it: "seeds" (400 seeds of the simulator, late enough to draw every kind of fault), "kinds"
(the simulator asked for one kind of fault after the other) or a test as "file::name". A mutant whose text
no longer occurs once has gone stale: write it anew, for the rule still holds. Needs cargo and Python 3.11.
"""

import argparse
import fcntl
import os
import re
import subprocess
import sys
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]

#: The binaries of tests. The pure one needs nothing that touches sockets and disks.
BINARIES = ("pure", "net", "flood")

#: What a build needs, besides Cargo's own files.
SOURCES = ("src", "proto", "tests", "benches/simulation.rs", "build.rs", "Cargo.toml", "Cargo.lock")

#: The tests that have a short name.
NAMED = {
    "seeds": ("sim_seeds", "fresh_seeds_break_no_promise"),
    "kinds": ("sim_faults", "the_bank_keeps_its_promises_under_each_kind"),
}

#: The first 1,024 seeds draw fewer kinds of faults than later ones: see src/sim/extras.rs.
SEEDS_ENVIRONMENT = {"REPLIBANK_SEED": "5000", "REPLIBANK_SEEDS": "400"}

#: Seconds for one test. A mutant that makes it run for longer has not been caught by an assertion.
LIMIT = 600

#: Quick to build and to catch, and each of another kind: what `make test` runs.
QUICK = (
    "queries-do-not-wait-for-the-disk",
    "a-refusal-is-not-remembered",
    "a-page-beyond-the-limit-is-skipped",
)


class MutantError(Exception):
    """A mutant, or the way it is written, is not as it must be. Says which one, and what to do."""


@dataclass(frozen=True)
class Mutant:
    """One wrong change.

    Attributes:
        name: What goes wrong, in a few words.
        rule: The rule that it breaks, in one sentence.
        file: Which file it changes, from the root of the project.
        before: The text that it changes: exactly, and once in that file.
        after: What it makes of it.
        caught: "seeds", "kinds", or a test as "file::name".
    """

    name: str
    rule: str
    file: str
    before: str
    after: str
    caught: str

    def test(self) -> tuple[str, str]:
        """The file of tests and the test in it."""
        if self.caught in NAMED:
            return NAMED[self.caught]
        file, _, name = self.caught.partition("::")
        if not name:
            right = '"seeds", "kinds" or "file::test"'
            raise MutantError(f"{self.name}: caught is {self.caught!r}: write {right}")
        return file, name

    def binary(self) -> str:
        """The binary of tests that its test is in."""
        file, _ = self.test()
        for binary in BINARIES:
            if {f"{file}.rs", file} & {path.name for path in (ROOT / "tests" / binary).iterdir()}:
                return binary
        raise MutantError(f"{self.name}: there is no {file}.rs in {' or '.join(BINARIES)} of tests/")

    def apply(self, text: str) -> str:
        """The file's text with the change."""
        count = text.count(self.before)
        if count != 1:
            raise MutantError(
                f"{self.name}: its text occurs {count} times in {self.file}, and must once: "
                "it has gone stale, so write it anew for the sources as they are"
            )
        if self.before == self.after:
            raise MutantError(f"{self.name} changes nothing")
        return text.replace(self.before, self.after)


def mutants() -> list[Mutant]:
    """All of them, from the tables beside this file."""
    found = []
    for table in sorted(HERE.glob("*.toml")):
        for fields in tomllib.loads(table.read_text())["mutant"]:
            try:
                found.append(Mutant(**fields))
            except TypeError as error:
                raise MutantError(f"{table.name}: {fields.get('name', 'a mutant')}: {error}") from None
    names = [mutant.name for mutant in found]
    for name in names:
        if names.count(name) > 1:
            raise MutantError(f"{name}: two mutants have this name")
    return found


def check(found: list[Mutant]) -> None:
    """Whether each applies to the sources, and its test is there. Nothing is built."""
    for mutant in found:
        mutant.apply((ROOT / mutant.file).read_text())
        file, name = mutant.test()
        path = ROOT / "tests" / mutant.binary() / f"{file}.rs"
        path = path if path.is_file() else path.with_suffix("") / "mod.rs"
        if not re.search(rf"\bfn {name}\b", path.read_text()):
            raise MutantError(f"{mutant.name}: there is no test {name} in {path.relative_to(ROOT)}")


class Copy:
    """The sources in a place of their own, so that nobody builds a mutant by accident. It stays from run to
    run: then little has to be built again."""

    def __init__(self) -> None:
        target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
        self.place = target / "mutants"
        self.place.mkdir(parents=True, exist_ok=True)
        # Two runs at once would take each other's mutants for the sources.
        self.lock = (self.place / "lock").open("w")
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise MutantError(f"another run is under way in {self.place}: wait for its end") from None
        self.environment = os.environ | {"CARGO_TARGET_DIR": str(target), "RUST_BACKTRACE": "0"}
        self.restore()

    def restore(self) -> None:
        """As the sources are. Only what differs is written: cargo builds again what is new."""
        for source in SOURCES:
            path = ROOT / source
            files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
            kept = {file.relative_to(ROOT) for file in files if "__pycache__" not in file.parts}
            for file in kept:
                self.write(file, (ROOT / file).read_bytes())
            if path.is_dir():
                there = (file for file in (self.place / source).rglob("*") if file.is_file())
                for file in [file for file in there if file.relative_to(self.place) not in kept]:
                    file.unlink()

    def write(self, file: Path, content: bytes) -> None:
        """Puts one file in its place, unless it is there."""
        path = self.place / file
        if not path.is_file() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    def cargo(self, mutant: Mutant, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs the test of a mutant, or builds it."""
        binary = mutant.binary()
        features = ["--no-default-features"] if binary == "pure" else []
        return subprocess.run(
            ["cargo", "test", "--locked", *features, "--test", binary, *arguments],
            cwd=self.place,
            env=self.environment | (SEEDS_ENVIRONMENT if mutant.caught == "seeds" else {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LIMIT,
            check=False,
        )

    def fails(self, mutant: Mutant) -> bool:
        """Whether the mutant's test fails on the sources as they are here now."""
        built = self.cargo(mutant, "--no-run")
        if built.returncode != 0:
            raise MutantError(f"{mutant.name} does not compile:\n{built.stdout}")
        ran = self.cargo(mutant, "--quiet", "--", "--exact", "::".join(mutant.test()))
        if "test result: ok. 1 passed" in ran.stdout:
            return False
        if "test result: FAILED. 0 passed; 1 failed" in ran.stdout:
            return True
        raise MutantError(
            f"{mutant.name}: {mutant.caught} neither passed nor failed by an assertion:\n{ran.stdout}"
        )


def run(chosen: list[Mutant]) -> list[str]:
    """Runs each mutant, and first its test without it. Returns what is wrong."""
    copy = Copy()
    wrong = []
    for caught, mutant in {mutant.caught: mutant for mutant in chosen}.items():
        if copy.fails(mutant):
            raise MutantError(f"{caught} fails without any mutant: mend that first")
    width = max(len(mutant.name) for mutant in chosen)
    print(f"{'mutant':<{width}}  seconds  caught by", flush=True)
    for mutant in chosen:
        begun = time.monotonic()
        content = mutant.apply((ROOT / mutant.file).read_text()).encode()
        try:
            copy.write(Path(mutant.file), content)
            fails = copy.fails(mutant)
        except subprocess.TimeoutExpired:
            fails = False
        finally:
            copy.restore()
        verdict = mutant.caught if fails else f"NOT CAUGHT by {mutant.caught}"
        print(f"{mutant.name:<{width}}  {time.monotonic() - begun:7.1f}  {verdict}", flush=True)
        if not fails:
            wrong.append(f"{mutant.name} is not caught by {mutant.caught}: {mutant.rule}")
    return wrong


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="these mutants only")
    parser.add_argument("--quick", action="store_true", help="the few that `make test` runs")
    parser.add_argument("--check", action="store_true", help="only whether each still applies")
    given = parser.parse_args()
    try:
        found = mutants()
        names = given.names or (QUICK if given.quick else [mutant.name for mutant in found])
        unknown = [name for name in names if name not in {mutant.name for mutant in found}]
        if unknown:
            raise MutantError(f"there is no mutant {', '.join(unknown)}")
        chosen = [mutant for mutant in found if mutant.name in names]
        check(chosen)
        wrong = [] if given.check else run(chosen)
    except MutantError as error:
        wrong = [str(error)]
    for line in wrong:
        print(f"error: {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
