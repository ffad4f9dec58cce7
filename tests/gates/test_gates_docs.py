"""The documents name only commands, options, targets and files that exist, and both READMEs agree."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

from guardian.entrypoints.cli import app

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"\]\((?!https?:)([^)#]+)\)")
FENCE = re.compile(r"```sh\n(.*?)```", re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")


def commands(text: str) -> Iterator[str]:
    """Every line of a shell block, without its comment, and every span of code."""
    for block in FENCE.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            yield from re.split(r"&&|\$\(|\)$", line.split("#")[0])
    yield from SPAN.findall(FENCE.sub("", text))


def troubles(text: str) -> Iterator[str]:
    """What a document says that is not so."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for line in map(str.strip, commands(text)):
        words = line.split()
        if line.startswith("make ") and words[1] not in targets:
            yield f"{line}: no such target"
        elif line.startswith("guardian ") and (trouble := trouble_of(shlex.split(line)[1:])):
            yield f"{line}: {trouble}"


def trouble_of(words: list[str]) -> str | None:
    """Walk from the command line's root to the command, then look its options up."""
    command = get_command(app)
    while (inner := getattr(command, "commands", None)) is not None:
        if not words or words[0] not in inner:
            return "no such command"
        command, words = inner[words[0]], words[1:]
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    unknown = [word for word in words if word.startswith("--") and word not in known]
    return f"no such option {unknown[0]}" if unknown else None


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_document_names_what_exists(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    missing = [link for link in LINK.findall(text) if not (document.parent / link).exists()]
    assert not missing
    assert not list(troubles(text))


@pytest.mark.parametrize(
    "bad",
    ["`make coffee`", "```sh\nguardian juggle\n```", "`guardian up --juggling`", "`guardian audit juggle`"],
)
def test_a_document_that_names_what_does_not_exist_fails(bad: str) -> None:
    assert list(troubles(bad))


def test_both_readmes_give_the_same_commands() -> None:
    english, portuguese = (
        [
            line.strip()
            for block in FENCE.findall(path.read_text(encoding="utf-8"))
            for line in block.splitlines()
        ]
        for path in (ROOT / "README.md", ROOT / "README.pt-BR.md")
    )
    assert [line.split("#")[0] for line in english] == [line.split("#")[0] for line in portuguese]


def test_help_lists_every_target_of_the_contract() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    listed = set(re.findall(r"^([a-z]+):.*## ", makefile, re.MULTILINE))
    assert {"run", "test", "check", "services", "bench", "quality", "security", "help"} <= listed
