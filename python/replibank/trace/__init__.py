"""What happened in a bank, row by row, and the forms that notebooks want it in.

A trace has these columns; where a row has nothing to say, its cell is empty (`<NA>`, `None`, null, and
left out of JSON lines):

| column | pandas | unit and meaning |
|---|---|---|
| time_us | int64 | microseconds since the run began |
| branch | int64 | where it happened |
| event | category | deposit, withdraw, query, refused; sent, received, lost, doubled; joined, recovered; \
link-up, link-down; killed, restarted, paused, resumed, cut, mended, slowed, unslowed, dropping, delivering |
| clock | int64 | the branch's Lamport clock after the event |
| ticks | int64 | how often the clock ticked: once, or once for each operation that a message carries |
| peer | Int64 | the other branch |
| message | category | greeting, update, call, acknowledgement |
| message_id | Int64 | pairs `sent` with `received`; of `joined`, the message that brought it |
| operations | Int64 | how many operations a message carries |
| bytes | Int64 | a message's encoded size; empty in simulations |
| origin | category | whose operations the row is about: "2", or "2.INCARNATION" for a later life |
| sequence_from, sequence_through | Int64 | the first and the last of them |
| account | Int64 | the account |
| amount | Int64 | what was asked for, in the account's smallest unit; of `joined` and `recovered`, the net \
change of the balance, which may be negative |
| balance | Int64 | the account's balance at the branch after the event, in its smallest unit |
| known | Int64 | how many operations, of all origins, the branch has after the event |
| client | string | the customer: 16 hex digits, and others while it does much at once; a small number in \
simulations |
| request | Int64 | the number of the customer's request |
| waited_us | Int64 | microseconds from an operation's arrival at its branch to its answer |
| reason | string | why an operation was refused, or details of a fault |

A write's row stands where it was committed, and gets its wait once it is answered; a retry that is
answered as the first try was has no row. Branches have their own order of rows; rows of several branches
are in the order of time, and of their clocks at the same microsecond, so that causes come before effects.
"""

from __future__ import annotations

from .trace import Trace, read_trace

__all__ = ["Trace", "read_trace"]
