"""The pages and the README tell the truth where that can be checked quickly: keys, links, pictures, commands."""

from __future__ import annotations

import ast
import re
import shlex
import tomllib
from pathlib import Path

import pytest
import typer

from napari_gfsam.bridge.keys import KEYS
from napari_gfsam.cli.app import PROGRAM, app

ROOT = Path(__file__).parent.parent
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def blocks(page: Path, *languages: str) -> list[str]:
    """Return the code blocks of a page in some languages."""
    return [code for language, code in BLOCK.findall(page.read_text(encoding="utf-8")) if language in languages]


def commands(page: Path) -> list[list[str]]:
    """Return the words of every command line of a page, without what is set before it."""
    lines = [line for code in blocks(page, "sh") for line in code.splitlines()]
    split = [shlex.split(line, comments=True) for line in lines]
    named = [[word for word in words if not re.match(r"[A-Z_]+=", word)] for words in split]
    return [words for words in named if words]


def test_the_page_of_keys_tells_every_key():
    text = (ROOT / "docs" / "keys.md").read_text(encoding="utf-8")
    found = re.findall(r"^\| `([^`]+)` \| (.+) \| (picture|dock too) \|$", text, re.MULTILINE)
    in_dock = {entry.key: not entry.layers_only and not entry.release for entry in KEYS}
    assert found == [(entry.key, entry.text, "dock too" if in_dock[entry.key] else "picture") for entry in KEYS]


@each_page
def test_pictures_and_pages_that_are_linked_exist(page):
    links = [link.partition("#")[0] for link in LINK.findall(page.read_text(encoding="utf-8"))]
    near = [link for link in links if link and "://" not in link]
    assert [link for link in near if not (page.parent / link).is_file()] == []


def test_every_page_is_in_the_contents_and_every_screenshot_on_a_page():
    contents = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert [page.name for page in PAGES[1:] if f": {page.name}\n" not in contents] == []
    told = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    pictures = (ROOT / "docs" / "images").glob("viewer_*.png")
    assert [picture.name for picture in pictures if f"images/{picture.name})" not in told] == []


@each_page
def test_python_blocks_can_be_read(page):
    for code in blocks(page, "python"):
        ast.parse(code)


@each_page
def test_commands_exist(page):
    make = (ROOT / "Makefile").read_text(encoding="utf-8")
    for words in commands(page):
        if words[0] == PROGRAM:
            require_known(words[1:])
        elif words[0] == "make":
            assert re.search(rf"^{words[1]}:", make, re.MULTILINE), words
        elif words[0] == "python" and words[1].endswith(".py"):
            require_options(words)
        else:
            assert words[0] in ("pip", "napari", "python"), words


@each_page
def test_extras_that_are_named_exist(page):
    with (ROOT / "pyproject.toml").open("rb") as file:
        extras = tomllib.load(file)["project"]["optional-dependencies"]
    assert set(re.findall(r"napari-gfsam\[(\w+)\]", page.read_text(encoding="utf-8"))) <= set(extras)


def require_known(words: list[str]) -> None:
    """Parse a command line of ours to its end; files that it names need not exist."""
    command = typer.main.get_command(app)
    while hasattr(command, "commands"):
        name, *words = words
        command = command.commands[name]
    parser = command.make_parser(command.context_class(command))
    _, left, _ = parser.parse_args(list(words))
    assert left == []


def require_options(words: list[str]) -> None:
    """Hold a script and its options against its source."""
    source = (ROOT / words[1]).read_text(encoding="utf-8")
    assert [word for word in words[2:] if word.startswith("--") and f'"{word}"' not in source] == []
