"""Rules of the files that the browser loads. There is no build step that would notice a name that is not there."""

from __future__ import annotations

import re
from pathlib import Path

from imagewright.studio.serving.app import WEB

LONGEST_FILE = 400  # lines, as for files of Python
EXPORTED = re.compile(r"^export (?:async )?(?:const|function|class) (\w+)", re.MULTILINE)
IMPORTED = re.compile(r'^import (?:\{([^}]*)\} from )?"/web/([^"]+)";', re.MULTILINE)


def files() -> dict[str, str]:
    """The files of ours by their address below /web/."""
    paths = [path for path in WEB.rglob("*.*") if path.suffix in (".js", ".css") and "vendor" not in path.parts]
    return {path.relative_to(WEB).as_posix(): path.read_text() for path in paths}


def test_names_that_are_imported_are_exported_and_used() -> None:
    texts = files()
    wrong = []
    for file, text in texts.items():
        for names, source in IMPORTED.findall(text):
            known = EXPORTED.findall(texts.get(source, ""))
            wrong += [f"{file}: there is no {source}"] if source not in texts else []
            for name in filter(None, map(str.strip, names.split(","))):
                wrong += [f"{file}: {source} exports no {name}"] if name not in known else []
                wrong += [f"{file}: {name} is not used"] if len(re.findall(rf"\b{name}\b", text)) < 2 else []
    assert not wrong, "\n".join(wrong)


def test_names_that_are_exported_are_imported() -> None:
    """But those that a page imports when it is needed: `const { show } = await import(...)`."""
    texts = files()
    whole = "\n".join(texts.values())
    late = {
        name for names in re.findall(r"const \{([^}]*)\} = await import", whole) for name in re.findall(r"\w+", names)
    }
    used = {
        (source, name.strip())
        for text in texts.values()
        for names, source in IMPORTED.findall(text)
        for name in names.split(",")
    }
    wrong = [
        f"{file}: {name}"
        for file, text in texts.items()
        for name in EXPORTED.findall(text)
        if (file, name) not in used and name not in late
    ]
    assert not wrong, "\n".join(wrong)


def test_files_are_short() -> None:
    long = [
        f"{file}: {len(text.splitlines())}" for file, text in files().items() if len(text.splitlines()) > LONGEST_FILE
    ]
    assert not long, "\n".join(long)


def test_styles_that_pages_load_are_there() -> None:
    for file, text in files().items():
        for address in re.findall(r'loadStyle\("/web/([^"]+)"\)', text):
            assert Path(WEB / address).is_file(), (file, address)
