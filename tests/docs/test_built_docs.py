"""The built pages as a browser follows them: answers are two clicks away, no link is dead.

CI has built them already and says where, in LFADS_NB_BUILT_DOCS; elsewhere they are built here, if
the `docs` extra is installed.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]

# What users of such tools asked in their issues (features.md, section 3): the page that answers,
# and words of the answer.
QUESTIONS = {
    "Do I need a GPU?": ("install", "no GPU"),
    "Which versions of Python and CUDA?": ("install", "Python 3.10 to 3.13"),
    "How should my data be laid out?": ("your_data", "trials × time × channels"),
    "My trials have different lengths": ("your_data", "Unequal lengths need a window"),
    "LFP, calcium: not counts": ("your_data", "Gamma distribution"),
    "Which settings do I start with?": ("choosing_settings", "Start from the data"),
    "It learns slow drift and no conditions": ("troubleshooting", "session drift only"),
    "The cost became NaN or infinite": ("troubleshooting", "nan_restarts=3"),
    "GPU out of memory": ("troubleshooting", "smaller batches"),
    "A run failed: where is its error?": ("file_layout", "lfads.out"),
    "In which units are rates?": ("reading_results", "Rates are spikes/s"),
    "Which trials were validation, in which order?": ("reading_results", "pm.valid_inds"),
    "Factors do not look like the true latents": ("reading_results", "arbitrary basis"),
    "Do conditions enter the model?": ("reading_results", "Conditions never enter the model"),
    "Where is the test set?": ("evaluation", "test_fraction"),
    "New data through a trained model": ("nlb", "run.infer(counts)"),
    "Held-out conditions through fixed dynamics": (
        "generated/hyperparameters", "do_train_encoder_only",
    ),
    "Inference without the future": ("generated/hyperparameters", "do_causal_controller"),
    "ext_input_dim or co_dim?": ("inferred_inputs", "ext_input_dim"),
    "Several sessions with different neurons": ("stitching", "read-in"),
    "The internal RNN, for dynamics": ("dynamics", "run.trained_params()"),
    "SLURM": ("cluster", "lfads-nb slurm"),
    "The queue or the kernel died": ("running", "checkpoint"),
    "Windows": ("every_desk", "WSL2"),
    "Old folders of the run manager": ("coming_from", "run manager"),
    "The same figures again, with the same seed": ("reproducibility", "seed"),
}  # fmt: skip

SECTIONS = ("begin", "data", "settings", "results", "run", "reference")
"""Which the bar above every page links to, and nothing else."""


class Page(HTMLParser):
    """Text and links of what a page says, and the places in it; what surrounds it is left out."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.places: set[str] = set()
        self.words: list[str] = []
        self._depth = 0
        self.feed(path.read_text(encoding="utf-8"))
        self.text = " ".join("".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        said = dict(attrs)
        self._depth += tag == "article"
        if said.get("id"):
            self.places.add(said["id"])
        if tag == "a" and self._depth and said.get("href"):
            self.links.append(said["href"])

    def handle_endtag(self, tag):
        self._depth -= tag == "article"

    def handle_data(self, data):
        if self._depth:
            self.words.append(data)


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    if "LFADS_NB_BUILT_DOCS" in os.environ:
        return ROOT / os.environ["LFADS_NB_BUILT_DOCS"]
    if any(importlib.util.find_spec(name) is None for name in ("sphinx", "myst_nb")):
        pytest.skip("pip install -e '.[docs]' to build the documentation")
    folder = tmp_path_factory.mktemp("html")
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "docs", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr[-4000:]
    return folder


@cache
def read(path: Path) -> Page:
    return Page(path)


def inner_links(path: Path) -> dict[Path, set[str]]:
    """Pages of the site that a page links to, and the places in them."""
    found: dict[Path, set[str]] = {}
    for link in read(path).links:
        if link.startswith(("http:", "https:", "mailto:")):
            continue
        page, place = urldefrag(link)
        target = (path.parent / unquote(page)).resolve() if page else path
        found.setdefault(target, set()).update([unquote(place)] if place else [])
    return found


def clicks(built: Path) -> dict[Path, int]:
    """How many clicks each page is from the front page, by links in what the pages say."""
    front = built.resolve() / "index.html"
    away, left = {front: 0}, [front]
    while left:
        page = left.pop(0)
        for target in inner_links(page):
            if target.suffix == ".html" and target.exists() and target not in away:
                away[target] = away[page] + 1
                left.append(target)
    return away


def test_each_question_is_answered_within_two_clicks(built):
    away = clicks(built)
    assert len(QUESTIONS) >= 20
    for question, (page, words) in QUESTIONS.items():
        path = built.resolve() / f"{page}.html"
        assert away.get(path, 9) <= 2, f"{question}: {page} is too far from the front page"
        assert words in read(path).text, f"{question}: {page} does not say {words!r}"


def test_every_page_is_within_three_clicks(built):
    away = clicks(built)
    pages = {p.resolve() for p in built.rglob("*.html") if "_static" not in p.parts}
    pages -= {built.resolve() / f"{name}.html" for name in ("search", "genindex", *SECTIONS)}
    assert {str(p.relative_to(built.resolve())) for p in pages if away.get(p, 9) > 3} == set()


def test_no_link_within_the_pages_is_dead(built):
    dead = []
    for page in clicks(built):
        for target, places in inner_links(page).items():
            if not target.exists():
                dead.append(f"{page.name}: {target}")
            elif target.suffix == ".html":
                missing = {place for place in places if place not in read(target).places}
                dead += [f"{page.name}: {target.name}#{place}" for place in missing]
    assert dead == []


def test_every_notebook_is_a_page_with_its_code(built):
    away = clicks(built)
    notebooks = sorted((ROOT / "notebooks").glob("*.ipynb"))
    assert notebooks
    for notebook in notebooks:
        page = built.resolve() / "generated" / "notebooks" / f"{notebook.stem}.html"
        assert away.get(page, 9) <= 2, notebook.name
        assert "lfads_nb" in read(page).text, notebook.name
