"""pySigma's SQLite backend: what others say that a rule means.

What SQL cannot say is left out of the comparison, each by its name here:

- a list in an event (a column holds one value);
- `wide`, `utf16` (SQL text holds no NUL), and keywords with a wildcard (`LIKE` runs on from one value into the next);
- CIDR over what is no IPv4 address (there it is `LIKE '10.%'`, which takes `10.x` too);
- `gt`, `gte` over what is no number (SQL sorts text above numbers);
- letters beyond ASCII in another case (`LIKE` and `NOCASE` know no others).
"""

import sqlite3

import re2
from sigma.backends.sqlite import sqliteBackend
from sigma.collection import SigmaCollection

from guard.view import View

FULL = "everything"


class Oracle:
    """One rule, as a query."""

    def __init__(self, text: str) -> None:
        backend = sqliteBackend(table="logs", fulltext_field=FULL)
        (rule,) = SigmaCollection.from_yaml(text).rules
        self.fields = [name for name in backend.required_fields(rule) if name != FULL]
        self.queries = backend.convert(SigmaCollection([rule]))

    def matches(self, event: dict) -> bool:
        view = View(event)
        base = sqlite3.connect(":memory:")
        base.create_function(
            "REGEXP",
            2,
            lambda pattern, text: text is not None and re2.search(pattern, str(text)) is not None,
            deterministic=True,
        )
        names = [*self.fields, FULL]
        columns = ", ".join(f'"{name}" NUMERIC COLLATE NOCASE' for name in names)
        base.execute(f"CREATE TABLE logs ({columns})")
        values = [view.exact(name) for name in self.fields]
        assert not any(isinstance(value, tuple) for value in values)
        base.execute(
            f"INSERT INTO logs VALUES ({', '.join('?' * len(names))})", [*values, "\n".join(view.all_text(cased=True))]
        )
        found = any(base.execute(query).fetchall() for query in self.queries)
        base.close()
        return found
