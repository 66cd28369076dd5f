"""What notebooks show of results, banks, simulations and verdicts: short, and text is never markup."""

import re

import replibank
from replibank._base import tables


def test_what_a_table_is_told_is_text() -> None:
    html = tables.facts("<b>&", [("<i>", "<script>alert(1)</script>")])
    html += tables.table("<b>&", ["<i>"], [["<script>alert(1)</script>"]])
    assert "<script>" not in html
    assert "<i>" not in html
    assert html.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 2
    assert html.count("&lt;b&gt;&amp;") == 2


def test_tables_have_no_colours_of_their_own() -> None:
    html = tables.facts("a", [("b", 1)]) + tables.table("a", ["b"], [[1]])
    assert "color" not in html
    assert "background" not in html


def test_a_verdict_is_short_and_says_what_is_broken() -> None:
    run = replibank.simulate(seed=7, branches=3, bug="absolute-balance")
    html = run.verdict._repr_html_()
    assert "Verdict: broken" in html
    assert len(re.findall("<tr>", html)) <= 3 + 5 + 1
    assert run.verdict.anomalies[0].kind in html
    assert "ok: no promise was broken" in replibank.simulate(seed=7, branches=3)._repr_html_()


def test_a_simulation_says_what_befell_it() -> None:
    run = replibank.simulate(seed=7, branches=3, operations=50)
    html = run._repr_html_()
    assert "Simulation of seed 7" in html
    assert "3 branches, 50 operations" in html
    assert f"{run.counts['lost']:,} lost message" in html
    assert "planted" not in html
    wrong = replibank.simulate(seed=7, branches=3, bug="absolute-balance")
    assert "absolute-balance" in wrong._repr_html_()
