"""Viewers in a real JupyterLab: what is on screen is what the files hold."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from tests.browser.panels import drag
from tests.results.conftest import make_run  # noqa: F401
from tests.widgets.viewers.conftest import PARAMS, write_weights

expect = pytest.importorskip("playwright.sync_api").expect

ORIGINAL = Path(__file__).parents[1] / "model" / "parity" / "single_controller"
OPEN = """
from lfads_nb.results.run_view import RunView
from lfads_nb.widgets.viewers import *
pm = RunView.of({folder!r}).posterior_means()
"""
PLOT = ".lfads-viewers :is(.lfads-stage, .lfads-space canvas):visible"

ABOVE = """(plot) => {
  const [above] = document.querySelectorAll('.lfads-head');
  const below = [...document.querySelectorAll(plot)].find((e) => e.offsetParent);
  return below ? below.getBoundingClientRect().top - above.getBoundingClientRect().top : null;
}"""


@pytest.fixture
def run(make_run):  # noqa: F811
    made = make_run(PARAMS, posterior_sd=True, n_trials=80)
    write_weights(made)
    return made


def show(lab, run, code):
    area = lab.show(OPEN.format(folder=str(run.folder.path)) + code)
    area.locator(".lfads-raster canvas").first.wait_for()
    wait_for_drawing(lab, 1)
    return area


def wait_for_drawing(lab, n, which=0):
    lab.page.wait_for_function(
        "([which, n]) => Number([...document.querySelectorAll('.lfads-raster canvas')][which]"
        "?.dataset.draws) >= n",
        arg=[which, n],
    )


def canvas(lab, which=0):
    return lab.page.locator(".lfads-raster canvas").nth(which)


def on_canvas(lab, run, trial, bin_, neuron):
    """Where a trial's rate lies on the page."""
    session = run.session
    rate = session.outputs["output_dist_params"][trial, bin_, neuron] * 1000 / PARAMS.spike_bin_ms
    time = -100 + bin_ * PARAMS.spike_bin_ms
    x0, x1, y0, y1 = json.loads(canvas(lab).get_attribute("data-limits"))
    box = canvas(lab).bounding_box()
    return (
        box["x"] + (time - x0) / (x1 - x0) * box["width"],
        box["y"] + (y1 - rate) / (y1 - y0) * box["height"],
    )


def tool(lab, name):
    """The first plot's button, from behind the one that it lies behind where there is no room."""
    tools = lab.page.locator(".lfads-plot:visible .lfads-tools").first
    lab.page.wait_for_timeout(200)  # whether there is room is seen once it is laid out
    if tools.get_attribute("data-folded") is not None and not tools.locator("[data-open]").count():
        tools.get_by_role("button", name="tools: pan and zoom, save, code").click()
    return tools.get_by_label(name)


def opacity(lab, which=0):
    """How opaque a canvas is: (rows, columns), 0 to 255."""
    url = canvas(lab, which).evaluate("canvas => canvas.toDataURL('image/png')")
    image = Image.open(io.BytesIO(base64.b64decode(url.split(",")[1])))
    return np.array(image.convert("RGBA"))[..., 3]


def test_the_line_of_a_trial_runs_where_its_rate_is(lab, run):
    show(lab, run, "v = RatesViewer(pm, neuron=2, trials='valid'); v")
    assert canvas(lab).get_attribute("data-lines") == str(len(run.session.inds["valid"]))
    painted = opacity(lab)
    box = canvas(lab).bounding_box()
    scale = painted.shape[1] / box["width"]
    for trial in run.session.inds["valid"][:5]:
        for bin_ in (3, 9, 14):
            x, y = on_canvas(lab, run, trial, bin_, 2)
            row, column = round((y - box["y"]) * scale), round((x - box["x"]) * scale)
            assert painted[row - 2 : row + 3, column - 2 : column + 3].max() > 0


def test_keys_step_through_the_neurons(lab, run):
    show(lab, run, "v = RatesViewer(pm, neuron=2); v")
    lab.page.locator(".lfads-stage").first.click(position={"x": 300, "y": 3})
    lab.page.keyboard.press("ArrowRight")
    lab.wait_until("v.selection.neuron == 3")
    lab.page.keyboard.press("ArrowLeft")
    lab.page.keyboard.press("ArrowLeft")
    lab.wait_until("v.selection.neuron == 1")
    lab.page.get_by_label("neuron", exact=True).select_option(index=5)
    lab.wait_until("v.selection.neuron == 5")
    expect(lab.page.locator(".lfads-plot-title").first).to_have_text("Neuron 5 of dataset001")


def test_the_legend_toggles_conditions(lab, run):
    show(lab, run, "v = RatesViewer(pm); v")
    entries = lab.page.locator(".lfads-legend-list [role=checkbox]")
    assert entries.count() == 4
    entries.nth(1).click()
    lab.wait_until("v.selection.shown == ('0', '2', '3')")
    lab.page.wait_for_function(
        "document.querySelector('.lfads-raster canvas').dataset.lines === '60'"
    )
    assert entries.nth(1).get_attribute("aria-checked") == "false"
    entries.nth(2).dblclick()
    lab.wait_until("v.selection.shown == ('2',)")
    lab.page.get_by_label("show none").click()
    empty = lab.page.locator(".lfads-empty").first
    empty.wait_for(state="visible")
    assert "No condition is shown" in empty.inner_text()


def test_a_trial_that_is_clicked_is_highlighted_in_other_viewers(lab, run):
    show(
        lab, run,
        "v = RatesViewer(pm, neuron=0)\nf = FactorsViewer(pm, selection=v.selection)\n"
        "import ipywidgets\nipywidgets.VBox([v, f])",
    )  # fmt: skip
    trial = int(np.argmax(run.session.outputs["output_dist_params"][:, 10, 0]))
    lab.page.mouse.click(*on_canvas(lab, run, trial, 10, 0))
    lab.wait_until(f"v.selection.picked == ({trial},)")
    lab.page.wait_for_function(
        f"""[...document.querySelectorAll('.lfads-FactorsViewer .lfads-raster canvas')]
            .some((c) => c.dataset.highlight === '[{trial}]')"""
    )


def test_panning_moves_the_lines_with_the_axes(lab, run):
    show(lab, run, "v = RatesViewer(pm); v")
    before = json.loads(canvas(lab).get_attribute("data-limits"))
    tool(lab, "drag to pan").click()
    lab.wait_until("v.plot.figure.interaction is not None")
    box = canvas(lab).bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    lab.page.mouse.move(x, y)
    lab.page.mouse.down()
    lab.page.mouse.move(x + box["width"] / 4, y, steps=4)
    lab.page.mouse.up()
    quarter = (before[1] - before[0]) / 4
    lab.page.wait_for_function(
        "([start]) => Math.abs(JSON.parse(document.querySelector('.lfads-raster canvas')"
        ".dataset.limits)[0] - start) < 2",
        arg=[before[0] - quarter],
    )
    tool(lab, "show everything again").click()
    lab.wait_until(f"v.plot.x_scale.min == {before[0]}")


def test_pictures_are_saved_with_the_lines_in_them(lab, run, tmp_path):
    show(lab, run, "v = RatesViewer(pm, neuron=1, shown=('0',)); v")
    saved = {}
    for ending in ("PNG", "SVG"):
        with lab.page.expect_download() as download:
            tool(lab, f"save as {ending}").click()
        assert download.value.suggested_filename.startswith("rates_neuron1_dataset001")
        saved[ending] = tmp_path / download.value.suggested_filename
        download.value.save_as(saved[ending])
    image = np.array(Image.open(saved["PNG"]).convert("RGB")).astype(int)
    blue = np.abs(image - [0x3F, 0x90, 0xDA]).sum(axis=-1) < 40
    assert blue.sum() > 500  # the average, and single trials that overlap
    svg = saved["SVG"].read_text()
    for words in ("inferred rate (spikes/s)", "Neuron 1 of dataset001", "true rate", "time (ms)"):
        assert words in svg
    # The one condition that is shown has its colour named.
    assert re.findall(r"<rect[^>]*rx=\"2\"[^>]*/><text[^>]*>([^<]*)</text>", svg) == ["0"]
    layer = svg[svg.index('class="lfads-layer"') :]
    # 20 trials, their average and the truth, these two with a halo each, and time zero
    assert len(re.findall('<path d="M', layer[: layer.index("</g>")])) == 20 + 2 + 2 + 1


def test_pictures_fit_a_column_of_a_journal(lab, run, tmp_path):
    show(lab, run, "v = RatesViewer(pm, neuron=1); v")
    width = canvas(lab).bounding_box()["width"]
    tool(lab, "width of pictures that are saved").select_option("1 column")
    with lab.page.expect_download() as download:
        tool(lab, "save as SVG").click()
    download.value.save_as(tmp_path / "column.svg")
    svg = (tmp_path / "column.svg").read_text()
    assert 'width="89mm"' in svg
    # Drawn at that size, not shrunk: the text stays as large as it is to be.
    wide = float(re.search(r'viewBox="0 0 ([\d.]+)', svg)[1])
    assert 336 <= wide < 450
    lab.page.wait_for_function(
        "width => Math.abs(document.querySelector('.lfads-raster canvas')"
        ".getBoundingClientRect().width - width) < 1",
        arg=width,
    )


def test_a_trial_is_scrubbed_through(lab, run):
    show(lab, run, "v = TrialViewer(pm, trial=7); v")
    image = opacity(lab) > 0
    counts = run.session.counts[7]
    share = (counts > 0).mean()
    assert abs(image.mean() - share) < 0.02
    lab.page.locator(".lfads-stage").first.click(position={"x": 300, "y": 50})
    lab.page.keyboard.press("ArrowRight")
    lab.wait_until("v.selection.trial == 8")


def test_the_loss_curves_of_a_run(lab, run):
    show(lab, run, f"v = FitViewer({str(run.folder.path)!r}); v")
    assert canvas(lab).get_attribute("data-lines") == "2"
    lab.page.get_by_label("training trials").click()
    lab.page.wait_for_function(
        "document.querySelector('.lfads-raster canvas').dataset.lines === '1'"
    )


def test_tabs_of_all_viewers(lab, page, run, make_run):  # noqa: F811
    other = make_run(PARAMS.copy(factors_dim=3), n_trials=80)
    folders = [str(each.folder.path) for each in (run, other)]
    show(lab, run, f"v = Viewers({folders!r}); v")
    # what stands above a plot is low; the sweep's leaderboard is itself a thing to look at
    for title in lab.kernel_answers("list(v.tabs.titles)"):
        if title in ("Sweep", "Trials"):
            continue
        lab.kernel_answers(f"v.show({title!r}) is None")
        lab.page.locator(PLOT).first.wait_for()
        for _ in range(75):
            above = lab.page.evaluate(ABOVE, PLOT.replace(":visible", ""))
            if above is not None and above <= 120:
                break
            lab.page.wait_for_timeout(200)
        else:
            lab.screenshot("too_much_above")
            raise AssertionError(f"{title}: {above} px above its plot")
    lab.kernel_answers("v.show('Rates') is None")
    for title in ("Factors", "Initial conditions", "Inputs", "Sweep", "Weights"):
        tab = lab.page.locator(".lm-TabBar-tabLabel", has_text=title).last
        tab.click()
        lab.wait_until(f"{title!r} in v._built")
        shown = lab.page.locator(".lfads-viewers .lfads-stage:visible").first
        shown.wait_for()
    lab.page.locator(".lm-TabBar-tabLabel", has_text="Sweep").last.click()
    lab.page.locator(".lfads-SweepViewer tbody tr").nth(1).locator("td").nth(1).click()
    lab.wait_until("len(v.selection.runs) == 1")
    lab.wait_until("v.runs.names.index(v.selection.run) == v.run.index")


def test_a_folder_of_the_original_program(lab, tmp_path):
    folder = tmp_path / "old" / "param_abcdef" / "single_dataset001"
    shutil.copytree(ORIGINAL, folder)
    area = lab.show(
        "from lfads_nb import RunCollection\nfrom lfads_nb.widgets.viewers import Viewers\n"
        f"rc = RunCollection.from_matlab({str(folder.parents[1])!r}, spike_bin_ms=10)\n"
        "v = Viewers(rc.runs)\nv"
    )
    area.locator(".lfads-raster canvas").first.wait_for()
    wait_for_drawing(lab, 1)
    lines = np.array(lab.kernel_answers("v.show('Rates').plot.layer.drawn_lines().tolist()"))
    stored = []
    for split in ("train", "valid"):
        path = next(folder.glob(f"lfadsOutput/model_runs_*_{split}_posterior_sample_and_average"))
        with h5py.File(path) as file:
            stored.append(file["output_dist_params"][..., 0] * 100)
    stored = np.concatenate(stored)
    assert canvas(lab).get_attribute("data-lines") == str(len(stored))
    np.testing.assert_allclose(np.sort(lines, axis=0), np.sort(stored, axis=0), rtol=1e-5)
    for title in lab.kernel_answers("list(v._makers)"):
        assert lab.kernel_answers(f"type(v.show({title!r})).__name__") != "HTML", title


def test_a_click_on_a_small_panel_chooses_its_neuron(lab, run):
    show(lab, run, "v = NeuronsViewer(pm); v")
    expect(lab.page.locator(".lfads-stage text", has_text="neuron 6, to")).to_be_visible()
    box = canvas(lab).bounding_box()
    lab.page.mouse.click(box["x"] + 1.5 / 5 * box["width"], box["y"] + 1.6 / 4 * box["height"])
    lab.wait_until("v.selection.neuron == 6")


def test_names_from_files_are_not_run_as_html(lab, make_run):  # noqa: F811
    run = make_run(PARAMS, conditions="text")
    code = "<script>window.hacked = 1</script>"
    area = show(lab, run, f"v = RatesViewer(pm); v.plot.say({code!r}); v")
    assert lab.page.locator(".lfads-legend-list").first.inner_text().count("reach <0>") == 1
    expect(area.get_by_text(code)).to_be_visible()
    reason = '<img src=x onerror="window.hacked = 1">'
    lab.kernel_answers(f"v.plot.explain_emptiness({reason!r})")
    expect(area.get_by_text(reason)).to_be_visible()
    assert lab.page.evaluate("window.hacked === undefined")


def test_a_space_turns_under_the_mouse_plays_and_is_saved(lab, run):
    code = OPEN.format(folder=str(run.folder.path)) + "viewer = StateSpaceViewer(pm)\nviewer"
    area = lab.show(code)
    space = area.locator(".lfads-space canvas")
    space.wait_for()
    drawn = "(e, n) => Number(e.dataset.draws) > n && e.dataset.moving === 'false'"
    lab.page.wait_for_function("() => document.querySelector('.lfads-space canvas').dataset.draws")
    assert int(space.get_attribute("data-points")) > 1000
    before = space.screenshot()
    box = space.bounding_box()
    drag(lab.page, space, 60, 10)
    lab.wait_until("abs(viewer.space.yaw - 0.3) < 0.05")
    lab.page.wait_for_function(f"() => ({drawn})(document.querySelector('.lfads-space canvas'), 1)")
    assert space.screenshot() != before
    space.press("0")
    lab.wait_until("viewer.space.yaw == viewer.space.home[0] == -0.3")
    # The cursor goes through the trial and comes back to the whole of it.
    slider = area.get_by_label("time within the trial")
    slider.fill("3")
    lab.wait_until("viewer.space.cursor == 3")
    expect(area.locator(".lfads-space output")).to_contain_text("ms")
    area.get_by_role("button", name="let time pass (space)").click()
    lab.wait_until("viewer.space.cursor == -1")
    for name, ending in (("save as PNG", "png"), ("save as SVG", "svg")):
        with lab.page.expect_download() as saved:
            area.get_by_role("button", name=name).first.click()
        path = saved.value.path()
        assert saved.value.suggested_filename.endswith(ending)
        if ending == "svg":
            text = path.read_text()
            assert "PC 1" in text
            assert text.count("<path") > 10
        else:
            picture = Image.open(io.BytesIO(path.read_bytes()))
            assert picture.size[0] >= 2 * box["width"]


def test_events_are_marked_on_screen(lab, make_run):  # noqa: F811
    columns = {"reaction_ms": np.linspace(-50.0, 50.0, 80)}
    made = make_run(PARAMS, posterior_sd=True, n_trials=80, columns=columns)
    write_weights(made)
    show(lab, made, "v = RatesViewer(pm); v")
    assert canvas(lab).get_attribute("data-dots") == "0"
    lab.page.get_by_label("mark", exact=True).select_option(label="reaction_ms")
    lab.wait_until("v.selection.events == ('reaction_ms',)")
    # One on each trial's line, and one on each of four averages.
    lab.page.wait_for_function(
        "document.querySelector('.lfads-raster canvas').dataset.dots === '84'"
    )
    assert "reaction_ms" in lab.page.locator(".lfads-key").all_inner_texts()


AXE = """async () => {
  const found = await axe.run(".lfads-viewer", { resultTypes: ["violations"] });
  return found.violations.filter((each) => ["serious", "critical"].includes(each.impact))
    .map((each) => `${each.help}: ${each.nodes.map((node) => node.html.slice(0, 200)).join(", ")}`);
}"""


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_axe_finds_no_serious_fault_in_the_viewers(lab, make_run, theme):  # noqa: F811
    axe = pytest.importorskip("axe_playwright_python")
    columns = {"reaction_ms": np.linspace(-50.0, 50.0, 80)}
    made = make_run(PARAMS, posterior_sd=True, n_trials=80, behavior=True, columns=columns)
    write_weights(made)
    change = "(theme) => window.jupyterapp.commands.execute('apputils:change-theme', {theme})"
    lab.page.evaluate(change, theme)
    try:
        show(lab, made, "v = Viewers(RunView.of(pm.run_folder)); v")
        lab.page.evaluate((Path(axe.__file__).parent / "axe.min.js").read_text())
        for name in lab.kernel_answers("list(v.tabs.titles)"):
            lab.kernel_answers(f"v.show({name!r}) is None")
            lab.page.wait_for_timeout(700)  # names of sliders come at leisure
            assert lab.page.evaluate(AXE) == [], name
    finally:
        lab.page.evaluate(change, "JupyterLab Light")
