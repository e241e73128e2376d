"""`verdict.json`: what a run's figures say of it, in words, for everybody who shows the run.

`lfads_nb.results.verdicts` works it out and writes it; views read it, and take one that was made
from other files than those that lie there for none.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any

from lfads_nb.atomic_files import write_text
from lfads_nb.regular_files import read_json
from lfads_nb.sweep.folders import RunFolder

SCHEMA = 1


class Level(str, Enum):
    """How bad a finding is: a note does not change the verdict."""

    NOTE = "note"
    WARNING = "warning"
    BAD = "bad"


_GRAVITY = (Level.BAD, Level.WARNING, Level.NOTE)


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Parameters
    ----------
    check : the check's name.
    level : how bad it is.
    title : it in one to three words.
    sentence : it with the figures behind it.
    change : what to do about it; "" if nothing.
    """

    check: str
    level: Level
    title: str
    sentence: str
    change: str = ""


@dataclass(frozen=True)
class Verdict:
    """What can be said of a run as far as it has got.

    Parameters
    ----------
    findings : the gravest first.
    praise : what stands first where nothing was found, with the figures behind it.
    figures : what it was made from, by the keys of `lfads_nb.vocabulary.FIGURES` and of
        `RunFigures`; what is not known is left out.
    stamps : the files that it was made from: name -> modification time (ns) and size.
    is_final : whether the run's outputs were judged; otherwise only its training was.
    """

    findings: tuple[Finding, ...] = ()
    praise: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)
    stamps: Mapping[str, Sequence[int]] = field(default_factory=dict)
    is_final: bool = True

    @property
    def problems(self) -> tuple[Finding, ...]:
        """The findings that are more than a note."""
        return tuple(f for f in self.findings if f.level is not Level.NOTE)

    @property
    def level(self) -> Level | None:
        """The gravest problem's level; None if there is no problem."""
        return self.problems[0].level if self.problems else None

    @property
    def level_name(self) -> str:
        """ "bad", "warning" or "good"."""
        return self.level.value if self.level else "good"

    @property
    def title(self) -> str:
        """The verdict in one to three words."""
        if self.problems:
            return self.problems[0].title
        return "sound" if self.is_final else "no fault so far"

    @property
    def headline(self) -> str:
        """Its first sentence."""
        first = self.problems[0].sentence if self.problems else self.praise
        return first or f"{self.title.capitalize()}."

    @property
    def text(self) -> str:
        """The verdict in one to three sentences."""
        if not self.problems:
            notes = [note.sentence for note in self.findings[:2]]
            return " ".join(filter(None, [self.headline, *notes]))
        first, *others = self.problems
        also = f"Also: {', '.join(other.title for other in others)}." if others else ""
        return " ".join(filter(None, [first.sentence, first.change, also]))

    @classmethod
    def of(cls, findings: Sequence[Finding], **more: Any) -> Verdict:
        """Make a verdict of findings in any order."""
        ordered = sorted(findings, key=lambda finding: _GRAVITY.index(finding.level))
        return cls(tuple(ordered), **more)

    def to_json(self) -> dict[str, Any]:
        known = {key: float(v) for key, v in self.figures.items() if math.isfinite(v)}
        return {
            "schema": SCHEMA, **asdict(self), "figures": known, "text": self.text,
            "title": self.title, "level": self.level_name,
        }  # fmt: skip

    def save(self, folder: RunFolder) -> None:
        """Write it into the run's folder, whole or not at all."""
        text = json.dumps(self.to_json(), ensure_ascii=False, indent=1, allow_nan=False)
        write_text(folder.verdict_json, text + "\n")


def read_verdict(folder: RunFolder) -> Verdict | None:
    """Return a run's verdict; None if there is none that was made from the files as they are."""
    try:
        content = read_json(folder.verdict_json)
        if content["schema"] != SCHEMA:
            return None
        stamps = {str(name): list(stamp) for name, stamp in content["stamps"].items()}
        if stamps != stamps_of(folder, stamps):
            return None
        findings = [Finding(**{**f, "level": Level(f["level"])}) for f in content["findings"]]
        figures = {str(key): float(value) for key, value in content["figures"].items()}
        return Verdict(
            tuple(findings), str(content["praise"]), figures, stamps, bool(content["is_final"])
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        # It can be made again from the run's files at any time.
        return None


def stamps_of(folder: RunFolder, names: Sequence[str] | Mapping[str, Any]) -> dict[str, list[int]]:
    """Return modification time and size of files of a run's outputs; zeros for what is missing."""
    found = {}
    for name in names:
        try:
            stat = (folder.output / name).stat()
            found[name] = [stat.st_mtime_ns, stat.st_size]
        except OSError:
            found[name] = [0, 0]
    return found
