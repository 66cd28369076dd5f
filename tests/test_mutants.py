"""The table of mutants is in order: each still applies to the sources, and the test that catches it is there.
Running them is `make mutants`.
"""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def run() -> ModuleType:
    spec = importlib.util.spec_from_file_location("mutants_run", ROOT / "tests" / "mutants" / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_every_mutant_applies_and_has_its_test(run: ModuleType) -> None:
    found = run.mutants()
    run.check(found)
    assert len(found) >= 25
    assert set(run.QUICK) <= {mutant.name for mutant in found}


def test_every_mutant_says_which_rule_it_breaks(run: ModuleType) -> None:
    for mutant in run.mutants():
        assert mutant.rule.endswith("."), mutant.name
        assert mutant.name == mutant.name.lower().replace(" ", "-"), mutant.name


def test_mutant_that_is_stale_or_has_no_test_is_named(run: ModuleType) -> None:
    mutant = run.mutants()[0]

    def wrong(**fields: object) -> str:
        with pytest.raises(run.MutantError) as caught:
            run.check([type(mutant)(**(vars(mutant) | fields))])
        return str(caught.value)

    assert wrong(before="no such text") == (
        f"{mutant.name}: its text occurs 0 times in {mutant.file}, and must once: "
        "it has gone stale, so write it anew for the sources as they are"
    )
    assert "occurs" in wrong(before="fn ")
    assert "changes nothing" in wrong(after=mutant.before)
    assert "there is no test nothing" in wrong(caught="replica_requests::nothing")
    assert 'write "seeds", "kinds" or "file::test"' in wrong(caught="nobody")
