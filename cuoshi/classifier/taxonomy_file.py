"""Reads a YAML file into plain data and remembers the line of every value, to place a problem."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import SafeConstructor

from cuoshi.classifier.errors import TaxonomyError

Location = tuple[str | int, ...]

MAX_BYTES = 4 * 1024 * 1024
MAX_DEPTH = 32
# libyaml is many times faster and reads the same language; a source build of PyYAML may lack it.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong in a file: its place in the data, its line (0 when unknown), what is wrong."""

    location: Location
    line: int
    message: str


@dataclass
class YamlFile:
    """A YAML file: `data` of plain Python values, `lines` by location, `problems` of the syntax."""

    path: Path
    data: Any = None
    lines: dict[Location, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def line_of(self, location: Location) -> int:
        """The line (from 1) of the value at `location`, or of the nearest value that holds it."""
        for end in range(len(location), -1, -1):
            if location[:end] in self.lines:
                return self.lines[location[:end]]
        return 0


def read_yaml(path: Path) -> YamlFile:
    """Reads `path`; faults of the YAML itself are listed in `problems`.

    Raises TaxonomyError when there is no such file, or it is no readable UTF-8 text of at most 4 MiB.
    """
    text = _read_text(path)
    result = YamlFile(path)
    try:
        trap = _find_trap(text)
        if trap:
            result.problems.append(trap)
            return result
        root = yaml.compose(text, Loader=_Loader)
        if root is not None:
            result.data = _construct(root, (), result)
    except yaml.MarkedYAMLError as error:
        result.problems.append(Problem((), _line(error.problem_mark), f"not YAML: {error.problem or error}"))
    except (yaml.YAMLError, ValueError) as error:
        result.problems.append(Problem((), 0, f"not YAML: {str(error).splitlines()[0]}"))
    return result


def _find_trap(text: str) -> Problem | None:
    """Aliases, which make a small file arbitrarily large, or nesting that would exhaust the stack."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent):
            return Problem((), _line(event.start_mark), "aliases (*name) are not supported; write it out")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            return Problem((), _line(event.start_mark), "nested too deeply")
    return None


def _line(mark: Any) -> int:
    """The line of a position as people count it, 0 for none. libyaml and PyYAML have a class of mark each."""
    return mark.line + 1 if mark else 0


def _read_text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise TaxonomyError(f"{path}: larger than 4 MiB; this is not a taxonomy")
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise TaxonomyError(f"{path}: no such file") from None
    except UnicodeDecodeError as error:
        raise TaxonomyError(f"{path}: not UTF-8 (byte {error.start}); save the file as UTF-8") from None
    except OSError as error:
        raise TaxonomyError(f"{path}: cannot be read: {error.strerror}") from None


def _construct(node: yaml.Node, location: Location, result: YamlFile) -> Any:
    """Plain data of `node`; keys are text, and a key that stands twice in one mapping is a problem."""
    result.lines.setdefault(location, _line(node.start_mark))
    if isinstance(node, yaml.MappingNode):
        mapping: dict[str, Any] = {}
        for key, value_node in _pairs(node):
            place = (*location, key.value)
            result.lines[place] = _line(key.start_mark)
            if key.value in mapping:
                result.problems.append(Problem(place, result.lines[place], "this key stands twice"))
            mapping[key.value] = _construct(value_node, place, result)
        return mapping
    if isinstance(node, yaml.SequenceNode):
        return [_construct(item, (*location, index), result) for index, item in enumerate(node.value)]
    return SafeConstructor().construct_object(node)


def _pairs(node: yaml.MappingNode) -> Iterator[tuple[yaml.ScalarNode, yaml.Node]]:
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise yaml.MarkedYAMLError(problem="a key must be text", problem_mark=key.start_mark)
        yield key, value
