"""Makes one file of the page's sources and its data. The sources are modules that can be read, and
run by themselves; here they become one module, in the order of their imports.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from functools import cache
from pathlib import Path

PAGE = Path(__file__).parent / "page"

_IMPORT = re.compile(r'^import (\{[^}]*\}) from "\./([a-z]+)\.js";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const) (\w+))", re.MULTILINE)
_SLOT = re.compile(r"\{\{([a-z]+)\}\}")


def bundle(title: str, facts: str, columns: str) -> str:
    """The page.

    Args:
        title: Plain text; it is escaped here.
        facts: Base64.
        columns: Base64.
    """
    style, script = sources()
    slots = {
        "title": html.escape(title),
        # No script but this one runs, and nothing is loaded from anywhere: the browser sees to it.
        "policy": f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'",
        "style": style,
        "facts": facts,
        "columns": columns,
        "script": script,
    }
    # One pass: what is put in is not looked at for slots again.
    return _SLOT.sub(lambda slot: slots[slot[1]], (PAGE / "page.html").read_text(encoding="utf-8"))


@cache
def sources() -> tuple[str, str]:
    """The style, and all modules as one script."""
    style = (PAGE / "style.css").read_text(encoding="utf-8")
    modules: dict[str, str] = {}
    _gather("main", modules)
    return style, "\n" + "\n".join(modules.values())


def _gather(name: str, modules: dict[str, str]) -> None:
    """Puts a module behind those that it imports, each once. Its names stay its own: it becomes the
    result of a function, from which others take what it exports."""
    if name in modules:
        return
    text = (PAGE / f"{name}.js").read_text(encoding="utf-8")
    for _, imported in _IMPORT.findall(text):
        _gather(imported, modules)
    exported = ", ".join(_EXPORT.findall(text))
    body = _EXPORT.sub("", _IMPORT.sub(r"const \1 = module_\2;", text))
    modules[name] = f"const module_{name} = (() => {{\n{body}return {{ {exported} }};\n}})();\n"


def _hash(source: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
