"""A trace as a value, and the forms that notebooks want it in."""

from __future__ import annotations

from importlib import import_module
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any

from .. import _core
from .._base.columns import numbers_of
from .._base.extras import missing
from .._base.files import text_of
from .._base.words import plural, with_article
from ..errors import InputError

if TYPE_CHECKING:
    import os

    import pandas as pd

    from .._base.columns import Column
    from .._core import Version

#: The most bytes that a trace's file may have; a million rows take some 150 MB.
TRACE_BYTES_MAX = 2**30

_INT64_MAX = 2**63 - 1


class Trace:
    """What happened in a bank. `Bank.trace`, `simulate` and `Trace.read` make traces; they do not change.

    Attributes:
        branches: The ids of the bank's branches.
        accounts: Its accounts' opening balances, by account id, in their smallest unit.
        links: The pairs of branches that are linked, the lower id first.
        lost: How many rows found no room, and are missing.
        source: "bank" or "simulation".

    Example:
        >>> import replibank
        >>> with replibank.Bank({1: 400, 2: 400}, trace=True) as bank:
        ...     receipt = bank.customer(1).deposit(170)
        ...     bank.wait_until_converged(timeout=5)
        ...     trace = bank.trace()
        >>> [(row["event"], row["branch"], row["balance"]) for row in trace.to_dicts() if row["balance"]]
        [('deposit', 1, 570), ('joined', 2, 570)]
    """

    def __init__(self, core: _core.Trace) -> None:
        """Not for users: see `Trace.read`."""
        self._core = core
        self.branches: list[int] = core.branches
        self.accounts: dict[int, int] = core.accounts
        self.links: list[tuple[int, int]] = core.links
        self.lost: int = core.lost
        self.source: str = core.source

    @classmethod
    def read(cls, trace: str | os.PathLike[str]) -> Trace:
        """Reads what `to_jsonl` or another program wrote.

        Args:
            trace: The file, or its text: JSON lines, the first of which begins with ``{"trace"``.

        Raises:
            InputError: It cannot be read, or is written wrongly; the message names the line.

        Example:
            >>> import replibank
            >>> header = '{"trace":{"branches":[1],"accounts":{"0":4},"links":[],"lost":0,"source":"bank"}}'
            >>> replibank.Trace.read(header)
            <Trace of a bank: 1 branch, 0 rows>
        """
        name, text = text_of(trace, "trace", TRACE_BYTES_MAX)
        try:
            return cls(_core.Trace.parse(text))
        except ValueError as error:
            raise InputError(f"{name}{error}") from None

    def to_pandas(self) -> pd.DataFrame:
        """The trace as a data frame.

        Returns:
            A row an event, with the columns and dtypes in the documentation of `replibank.trace`.
            (Numbers of 2**63 and more make their column UInt64.)

        Raises:
            ImportError: pandas is not installed.

        Example:
            >>> import replibank
            >>> frame = replibank.simulate(seed=7, branches=3, operations=10, trace=True).trace.to_pandas()
            >>> int((frame["event"] == "deposit").sum()) <= 10
            True
        """
        try:
            # Of any version, and therefore without their types.
            np: Any = import_module("numpy")
            pandas: Any = import_module("pandas")
        except ImportError as error:
            raise missing("to_pandas", error) from None
        frame: dict[str, Any] = {}
        for name, kind, values, empty, texts, is_category in self._core.columns():
            mask = None if empty is None else np.frombuffer(empty, dtype=np.bool_)
            if texts is not None:
                codes = np.frombuffer(values, dtype=np.int32)
                codes = codes if mask is None else np.where(mask, np.int32(-1), codes)
                column = pandas.Categorical.from_codes(codes, categories=pandas.Index(texts, dtype=object))
                frame[name] = column if is_category else pandas.array(column, dtype="string")
                continue
            numbers = np.frombuffer(values, dtype=kind)
            fits = kind != "uint64" or not len(numbers) or int(numbers.max()) <= _INT64_MAX
            numbers = numbers.astype(np.int64 if fits else np.uint64)
            frame[name] = numbers if mask is None else pandas.arrays.IntegerArray(numbers, mask.copy())
        made: pd.DataFrame = pandas.DataFrame(frame)
        return made

    def to_dicts(self, versions: bool = False) -> list[dict[str, Any]]:
        """The trace as plain values.

        Args:
            versions: Whether each row also has `version`, the `Version` of its branch after the event.

        Returns:
            A dict a row, with every column; None where a row has nothing to say.

        Example:
            >>> import replibank
            >>> trace = replibank.simulate(seed=7, branches=3, operations=10, trace=True).trace
            >>> trace.to_dicts(versions=True)[-1]["version"] == trace.versions()[1]
            True
        """
        columns = {column[0]: _cells(column) for column in self._core.columns()}
        if versions:
            columns["version"] = self._core.row_versions()
        names = list(columns)
        return [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    def to_jsonl(self) -> str:
        """The trace as JSON lines: the bank, then a row a line, without its empty cells. `read` reads it.

        Example:
            >>> import json, replibank
            >>> text = replibank.simulate(seed=7, branches=3, operations=10, trace=True).trace.to_jsonl()
            >>> json.loads(text.splitlines()[0])["trace"]["links"]
            [[1, 2], [1, 3], [2, 3]]
        """
        return self._core.to_jsonl()

    def to_shiviz(self) -> str:
        """The trace as a log for ShiViz (https://bestchai.bitbucket.io/shiviz): two lines an event, the
        host with its vector clock and what happened.

        Write it to a file and choose that under "Upload": its first line is the regular expression that
        the log is read with, ``(?<host>\\S*) (?<clock>{.*})\\n(?<event>.*)``. To paste the log instead, leave
        the first two lines out and put that into the field for the parser. ShiViz draws some thousands of
        events; take a `window` of longer traces.

        Example:
            >>> import replibank
            >>> trace = replibank.simulate(seed=7, branches=3, operations=10, trace=True).trace
            >>> print(trace.to_shiviz().splitlines()[2])
            branch-1 {"branch-1":1}
        """
        return self._core.to_shiviz()

    def to_html(self, history: str | os.PathLike[str] | None = None, *, title: str = "A bank's trace") -> str:
        """The trace as one HTML page with an interactive space-time diagram, for any browser. It needs no
        network: write it to a file, and open that.

        Args:
            history: What the customers asked and were told: a file, or its text, as `check` takes it. The
                page then lists what is wrong with it, and shows where.
            title: Stands above the page.

        Returns:
            The page. Rows that found no room are missing in it, and it says how many.

        Raises:
            InputError: The history cannot be read, or is written wrongly; the message names the line. Or it
                is that of a bank with other branches or accounts.

        Example:
            >>> import replibank
            >>> run = replibank.simulate(seed=7, branches=3, operations=10, trace=True)
            >>> page = run.trace.to_html(run.history, title="Seed 7")
            >>> page[:15]
            '<!doctype html>'
        """
        from ..report import page  # noqa: PLC0415 (most traces are never shown so)

        return page(self._core, self.to_dicts, history, title)

    def versions(self, time_us: int | None = None) -> dict[int, Version]:
        """What each branch had seen at a time, rebuilt from the rows.

        Args:
            time_us: Microseconds since the run began; None: in the end.

        Returns:
            Version by branch id, after everything up to that time. It lists every life of a branch; those
            that a branch tells itself leave out the lives that a later one stands on.

        Example:
            >>> import replibank
            >>> trace = replibank.simulate(seed=7, branches=3, operations=10, trace=True).trace
            >>> trace.versions(0)
            {1: Version({}), 2: Version({}), 3: Version({})}
        """
        return self._core.versions(time_us)

    def window(self, start_us: int | None = None, end_us: int | None = None) -> Trace:
        """A part of the trace; also `trace[start_us:end_us]`. Versions in it are still whole ones.

        Args:
            start_us: Microseconds since the run began; None: from its first row on.
            end_us: The time before which the part ends; None: with the last row.

        Returns:
            The rows from `start_us` to before `end_us`.

        Example:
            >>> import replibank
            >>> trace = replibank.simulate(seed=7, branches=3, operations=10, trace=True).trace
            >>> len(trace[:5_000]) + len(trace[5_000:]) == len(trace)
            True
        """
        start = 0 if start_us is None else start_us
        end = 2**64 - 1 if end_us is None else end_us
        for name, time in (("start_us", start), ("end_us", end)):
            if not 0 <= time < 2**64:
                raise ValueError(f"{name} {time} is not right: give microseconds from 0")
        return Trace(self._core.window(start, end))

    def __getitem__(self, times: slice) -> Trace:
        if not isinstance(times, slice) or times.step is not None:
            raise TypeError(f"trace[{times!r}] is not right: give trace[start_us:end_us]")
        return self.window(times.start, times.stop)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The trace as an Arrow stream, for `polars.DataFrame(trace)`, `duckdb.sql("from trace")` and
        others. Texts of few kinds are dictionaries. A schema that is asked for is not obeyed.
        """
        return self._core.__arrow_c_stream__(requested_schema)

    @property
    def span(self) -> tuple[int, int] | None:
        """The times of the first and of the last row, in microseconds; None: there are no rows."""
        return self._core.span

    def __len__(self) -> int:
        return len(self._core)

    def _facts(self) -> list[str]:
        facts = [plural(len(self.branches), "branch"), plural(len(self), "row")]
        if self.span is not None:
            first, last = self.span
            facts.append(f"{(last - first) / 1e3:,.3f} ms")
        if self.lost:
            facts.append(f"{self.lost:,} more found no room")
        return facts

    def __repr__(self) -> str:
        return f"<Trace of a {self.source}: {', '.join(self._facts())}>"

    def _repr_html_(self) -> str:
        return f"<p><b>Trace</b> of a {self.source}: {', '.join(self._facts())}</p>"


def a_trace(given: object) -> Trace:
    """What was given, which must be a trace.

    Raises:
        TypeError: It is none; the message says where a run or a bank has its trace.
    """
    if isinstance(given, Trace):
        return given
    kind = type(given).__name__
    has = getattr(type(given), "trace", None)
    if callable(has):
        call = "await bank.trace()" if iscoroutinefunction(has) else "bank.trace()"
        hint = f"give its trace: {call}"
    elif has is None and not isinstance(given, type) and "trace" in getattr(given, "__dict__", {}):
        hint = "give its trace: run.trace"
        if given.__dict__["trace"] is None:
            hint = "it kept no trace: run it with trace=True, and give run.trace"
    else:
        hint = "give a replibank.Trace"
    raise TypeError(f"{with_article(kind)} is no trace: {hint}")


def spans_of(given: object) -> list[_core.Span]:
    """What was wrong in a trace, in the order of time.

    Raises:
        TypeError: It is none.
    """
    return a_trace(given)._core.faults()


def read_trace(path: str | os.PathLike[str]) -> Trace:
    """Reads a trace: `Trace.read`.

    Args:
        path: The file, or its text.

    Raises:
        InputError: It cannot be read, or is written wrongly; the message names the line.
    """
    return Trace.read(path)


def _cells(column: Column) -> list[Any]:
    texts = column[4]
    if texts is None:
        return [*numbers_of(column)]
    return [None if code is None or not texts else texts[code] for code in numbers_of(column)]
