"""The Parameters panel in a browser."""

from __future__ import annotations

import pytest

from tests.browser.panels import count, make_collection, show, type_into

expect = pytest.importorskip("playwright.sync_api").expect


def test_parameters_are_checked_beside_the_field_while_typing(lab, page, home, data):
    show(lab, home, f"ParametersPanel({str(make_collection(data, 'checked').path)!r})")
    field = page.locator("[data-field=spike_bin_ms]")
    field.get_by_role("textbox").fill("2.5")
    expect(field.locator(".lf-problem")).to_contain_text("dataset001")
    expect(field.get_by_role("textbox")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_role("button", name="Nothing new to add")).to_be_disabled()
    field.get_by_role("textbox").fill("4")
    expect(field.locator(".lf-problem")).to_have_count(0)
    expect(page.get_by_role("button", name="Add 1 setting")).to_be_enabled()
    field.get_by_role("button", name="Reset spike_bin_ms to its default").click()
    expect(field.get_by_role("textbox")).to_have_value("2")
    # folded away, found by a word of its description, and shown for good once it is changed
    folded = page.locator("[data-field=learning_rate_decay_factor]")
    expect(folded).to_be_hidden()
    page.get_by_label("Find a parameter").fill("worse than all of the last")
    expect(folded).to_be_visible()
    type_into(page, "learning_rate_decay_factor", "2")
    expect(folded.locator(".lf-problem")).to_contain_text("below 1")


def test_a_late_answer_of_the_kernel_does_not_take_away_what_is_being_typed(lab, page, home, data):
    path = str(make_collection(data, "late").path)
    show(lab, home, f"panel = ParametersPanel({path!r})\npanel")
    page.get_by_label("Find a parameter").fill("gen_dim")
    page.get_by_label("Sweep gen_dim").click()
    page.get_by_label("How to sweep gen_dim").select_option("range")
    high = page.get_by_label("Highest value of gen_dim")
    page.get_by_label("Lowest value of gen_dim").fill("16")
    high.fill("12")
    lab.wait_until("panel.form.sweeps.get('gen_dim', {}).get('high') == '12'")
    # the state of some edits ago, as an answer that was under way all the while brings it
    late = "dict(values={}, sweeps={}, edit=panel.form.edit - 3)"
    lab.kernel_answers(f"panel.form.comm.send(dict(method='update', state={late}))")
    page.wait_for_timeout(300)
    high.press("End")
    high.type("8")
    lab.wait_until("panel.form.sweeps.get('gen_dim', {}).get('high') == '128'")
    assert lab.kernel_answers("panel.form.sweeps['gen_dim']['low']") == "16"
    # what the kernel fills in on purpose replaces it
    page.get_by_role("button", name="Reset all", exact=True).click()
    expect(high).to_have_count(0)
    lab.wait_until("panel.form.sweeps == {}")


def test_a_sweep_is_counted_while_it_is_typed(lab, page, home, data):
    show(lab, home, f"ParametersPanel({str(make_collection(data, 'counted').path)!r})")
    type_into(page, "spike_bin_ms", "4")
    page.get_by_label("Sweep factors_dim").click()
    page.get_by_label("Values of factors_dim").fill("2, 4, 8")
    page.get_by_label("Sweep gen_dim").click()
    page.get_by_label("How to sweep gen_dim").select_option("range")
    page.get_by_label("Lowest value of gen_dim").fill("10")
    page.get_by_label("Highest value of gen_dim").fill("40")
    page.get_by_label("Number of values of gen_dim").fill("4")
    expect(count(page)).to_have_text("12 settings")
    expect(page.get_by_role("button", name="Add 12 settings")).to_be_enabled()
    page.get_by_label("Values of factors_dim").fill("2, four")
    expect(page.locator("[data-field=factors_dim] .lf-problem")).to_contain_text("whole number")
    expect(count(page)).to_have_text("Cannot be added yet")
