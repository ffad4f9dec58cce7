"""Rules as YAML: read safely and within bounds, each mistake with its line and column; and written."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, TypeVar

import msgspec
import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from guardian.domain.errors import Unparsable
from guardian.scoring.rules.definition import Conditions, InPart, Rule, understood

LONGEST: Final = 16 * 1_024
"""Of one rule, as anybody may send it: reading YAML takes about 30 µs a name."""
LONGEST_FILE: Final = 512 * 1_024
DEEPEST: Final = 8
MOST_RULES: Final = 500
_TEXT, _INTEGER = "tag:yaml.org,2002:str", "tag:yaml.org,2002:int"
_LONGEST_INTEGER = 9
_STRANGER = re.compile(r"unknown field `(.*)`", re.DOTALL)
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")
Shape = TypeVar("Shape")


class RuleFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Several rules; version 1 had lists of conditions instead of expressions."""

    version: Literal[2]
    rules: tuple[dict[str, Any], ...]


def read_rule(text: str, lists: Mapping[str, str]) -> Rule:
    """One rule as YAML (JSON is YAML too). Raises Unparsable with its line and column in the text."""
    node = _tree(text, LONGEST)
    return _rule(node, text, lists)


def read_rules(text: str, lists: Mapping[str, str]) -> list[Rule]:
    """The rules of a file, in their order. Raises Unparsable as `read_rule` does, naming the rule."""
    root = _tree(text, LONGEST_FILE)
    file = _converted(root, RuleFile)
    if len(file.rules) > MOST_RULES:
        raise _at(root, f"There are too many rules: at most {MOST_RULES}.")
    nodes = next(value for key, value in root.value if key.value == "rules").value
    rules = [_rule(node, text, lists) for node in nodes]
    seen: set[str] = set()
    for rule, node in zip(rules, nodes, strict=True):
        if rule.id in seen:
            raise _at(node, "Two rules have the same id.")
        seen.add(rule.id)
    return rules


def written(rule: Rule) -> str:
    """The rule as YAML that `read_rule` reads back."""
    facts = {name: value for name, value in msgspec.to_builtins(rule).items() if value != ""}
    return str(
        yaml.dump(
            facts, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100, default_flow_style=False
        )
    )


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as such."""


def _lines(dumper: yaml.SafeDumper, text: str) -> ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _lines)


def _rule(node: Node, text: str, lists: Mapping[str, str]) -> Rule:
    rule = _converted(node, Rule)
    _checked(rule, node, text, lists)
    return rule


def _checked(rule: Rule, node: Node, text: str, lists: Mapping[str, str]) -> Conditions:
    try:
        return understood(rule, lists)
    except InPart as error:
        value = next(value for key, value in node.value if key.value == error.part)
        line, column = _inside(value, text, error)
        raise Unparsable(f"Rule {rule.id}: {error.detail}", line, column) from error
    except Unparsable as error:
        raise _at(node, error.detail) from error


def _inside(value: ScalarNode, text: str, error: Unparsable) -> tuple[int, int]:
    """The place in the whole text of a place in a scalar; of a folded one, where it begins."""
    start = value.start_mark
    if value.style == "|":
        lines = text.splitlines()[start.line + 1 :]
        first = next((line for line in lines if line.strip()), "")
        indent = len(first) - len(first.lstrip())
        return start.line + 1 + error.line, indent + error.column
    if value.style == ">" or start.line != value.end_mark.line:
        return start.line + 1, start.column + 1
    return start.line + 1, start.column + error.column + (value.style in {"'", '"'})


def _tree(text: str, longest: int) -> MappingNode:
    """The nodes of a YAML text that is a mapping. Raises Unparsable; aliases and depth are refused first."""
    if len(text.encode()) > longest:
        raise Unparsable(f"The text is too long: at most {longest // 1024} kB.", 1, 1)
    try:
        _refuse_bombs(text)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (1, 1) if mark is None else (mark.line + 1, mark.column + 1)
        raise Unparsable("This is not YAML: look at indents, quotes and colons.", line, column) from error
    except yaml.YAMLError as error:
        raise Unparsable("This is not YAML: it holds signs that no text has.", 1, 1) from error
    if not isinstance(root, MappingNode):
        raise Unparsable("Expected names with values, such as id: my_rule.", 1, 1)
    _refuse_twice(root)
    return root


def _refuse_bombs(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _at(event, "Anchors and aliases are not read here; write it out.")
        if getattr(event, "tag", None):
            raise _at(event, "Tags are not read here.")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise _at(event, "This is nested too deeply.")


def _refuse_twice(root: Node) -> None:
    for node in _mappings(root):
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, ScalarNode):
                raise _at(key, "Expected a plain name here.")
            if key.value in seen:
                raise _at(key, "This name is given twice.")
            seen.add(key.value)


def _mappings(node: Node) -> Iterator[MappingNode]:
    if isinstance(node, MappingNode):
        yield node
        for _, value in node.value:
            yield from _mappings(value)
    elif isinstance(node, SequenceNode):
        for value in node.value:
            yield from _mappings(value)


def _converted(node: Node, to: type[Shape]) -> Shape:
    try:
        return msgspec.convert(_plain(node), to)
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at `$")
        inner = _along(node, path.rstrip("`"))
        stranger = _STRANGER.search(what)
        if stranger:
            key = next(key for key, _ in inner.value if key.value == stranger[1])
            raise _at(key, "No such name belongs here; see the schema of rules.") from error
        enum = what.startswith("Invalid enum value")
        raise _at(inner, "This value is not one of those allowed here." if enum else f"{what}.") from error


def _along(node: Node, path: str) -> Node:
    """The node at a path such as .name.pt or .rules[0]."""
    for name, place in _STEP.findall(path):
        if place:
            node = node.value[int(place)]
        else:
            node = next(value for key, value in node.value if key.value == name)
    return node


def _plain(node: Node) -> object:
    """What a node says: texts, whole numbers, and what is made of them."""
    if isinstance(node, MappingNode):
        return {key.value: _plain(value) for key, value in node.value}
    if isinstance(node, SequenceNode):
        return [_plain(value) for value in node.value]
    if node.tag == _INTEGER and node.value.isdecimal() and len(node.value) <= _LONGEST_INTEGER:
        return int(node.value)
    if node.tag != _TEXT:
        raise _at(node, "Expected a text here; put it in quotes.")
    return node.value


def _at(place: Any, detail: str) -> Unparsable:
    return Unparsable(detail, place.start_mark.line + 1, place.start_mark.column + 1)
