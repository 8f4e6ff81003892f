"""Prints docs/settings.md from the table: ``python -m settings > docs/settings.md``."""

from __future__ import annotations

from collections.abc import Iterator

from settings.read import env_name
from settings.table import REFUSED, ROWS, WITHOUT_EFFECT, Settings

INTRODUCTION = """# Settings

<!-- Made from the table in settings/table.py: python -m settings > docs/settings.md -->

`outpost.yml` in the working folder (or the file after `--config`) is read first, then the environment. A setting
`listen.http` is written in the file as

```yaml
listen:
  http: 127.0.0.1:9000
```

and in the environment as `OUTPOST_LISTEN__HTTP`. `AUTHENTIK_LISTEN__HTTP` is read too; where both are set, `OUTPOST_`
wins. A variable that is set but empty counts as not set.

- A value `env://NAME?default` is taken from another variable, `file:///path?default` from a file; the part from `?` on
  may be left out.
- A listener takes a port (`9000`: every interface, IPv4 and IPv6), an address with a port (`127.0.0.1:9000`,
  `[::1]:9000`), several of these with commas between, or `off`. Port `0` means any free one; `ports.json` in the data
  folder says which.
- An unknown name in the file, a variable that looks like a slip of the pen, and a value that cannot be read stop the
  program with exit code 2 and one line each. Other unknown variables are only warned about.
- `outpost check-config` prints every setting with its value and where it came from. Secrets are masked.
"""


def page() -> str:
    """The whole document, Markdown."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield INTRODUCTION
    yield "| variable | default | what for |"
    yield "| --- | --- | --- |"
    defaults = Settings()
    for row in ROWS:
        default = row.kind.show(row.value_in(defaults))
        also = f"; also `{row.also}`" if row.also else ""
        yield f"| `{env_name(row.name)}` | {default} | {row.doc}{also} |"
    yield ""
    yield "## Refused"
    yield ""
    yield "Names of authentik's that would be missed: with any other value the program does not start, and says why."
    yield "Nor does it with a secret that is a command which no shell has run: `$(openssl rand -base64 36)` in a file."
    yield ""
    yield "| name | accepted | why |"
    yield "| --- | --- | --- |"
    for name, harmless in REFUSED.items():
        yield f"| `{name}` | {', '.join(harmless.values)} | {harmless.why} |"
    yield ""
    yield "## Accepted without effect"
    yield ""
    yield "Names of authentik's, for files that are brought along; each includes everything below it."
    yield ""
    yield "| name | why |"
    yield "| --- | --- |"
    for name, why in sorted(WITHOUT_EFFECT.items()):
        yield f"| `{name}` | {why} |"


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201  the page is the result
