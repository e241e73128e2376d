"""Typing into every input of every panel while the kernel answers late and out of order."""

from __future__ import annotations

import json
import re

import pytest

from tests.browser.panels import make_collection, show, tab

expect = pytest.importorskip("playwright.sync_api").expect

# From now on what the kernel sends comes up to one and a half seconds late, and out of order.
LATE = """
import random, re, threading
class LateMessage(tuple):
    __hash__, __eq__ = object.__hash__, object.__eq__
session = get_ipython().kernel.session
if not hasattr(session, "at_once"):
    session.at_once, dice, session.under_way = session.send, random.Random(7), set()
    # widgets that were closed, and what each late update was of and spoke of
    session.closed, session.updates = set(), []
    def arrive(message, keys):
        session.at_once(*message, **keys)
        session.under_way.discard(message)
    def late(stream, kind, *rest, **keys):
        if kind == "comm_close":
            session.closed.add(rest[0]["comm_id"])
        if kind != "comm_msg" or not session.is_late:
            return session.at_once(stream, kind, *rest, **keys)
        spoken_of = re.findall("IPY_MODEL_([0-9a-f]+)", repr(rest[0]["data"].get("state")))
        session.updates.append((rest[0]["comm_id"], spoken_of))
        message = LateMessage((stream, kind, *rest))
        session.under_way.add(message)
        threading.Timer(dice.uniform(0.2, 1.5), arrive, (message, keys)).start()
    session.send = late
session.is_late = True
"""

IN_TIME = "setattr(get_ipython().kernel.session, 'is_late', False)"

# Change everything that can be changed, each by what a user does to it; then compare.
CHANGE = """(leave) => {
  const shown = [...document.querySelectorAll('.lfads-root :is(input, select, textarea)')].filter(
    (e) => e.offsetParent && !e.disabled && !e.readOnly && !['file', 'range'].includes(e.type)
      && !e.closest('table')
      && !leave.includes(e.getAttribute('aria-label') || e.labels?.[0]?.textContent));
  const tell = (e, ...kinds) =>
    kinds.forEach((k) => e.dispatchEvent(new Event(k, {bubbles: true})));
  window.lateChanges = [];
  for (const e of shown) {
    if (!e.isConnected || !e.offsetParent || e.disabled) continue; // another one put it away
    if (e.type === 'checkbox') e.click();
    else if (e.tagName === 'SELECT') {
      const options = [...e.options].filter((o) => !o.disabled && !o.selected);
      if (!options.length) continue;
      if (e.multiple) options[0].selected = true;
      else e.value = options[0].value;
      tell(e, 'input', 'change');
    } else {
      const number = e.type === 'number' || /^-?[\\d.]+$/.test(e.value || e.placeholder);
      const text = number ? '17' : 'x17';
      e.focus();
      const proto = e.tagName === 'TEXTAREA' ? HTMLTextAreaElement : HTMLInputElement;
      for (let n = 1; n <= text.length; n++) {
        Object.getOwnPropertyDescriptor(proto.prototype, 'value').set.call(e, text.slice(0, n));
        tell(e, 'input', 'keyup');
      }
      tell(e, 'change');
    }
    const is = () => e.type === 'checkbox' ? e.checked
      : e.multiple ? [...e.selectedOptions].map((o) => o.text).join() : e.value;
    window.lateChanges.push({e, is, made: is()});
  }
  return window.lateChanges.length;
}"""

LOST = """() => window.lateChanges.filter(({e, is, made}) => !e.isConnected || is() !== made)
  .map(({e, is, made}) => `${e.getAttribute('aria-label') || e.labels?.[0]?.textContent}: `
    + (e.isConnected ? `${made} became ${is()}` : 'gone'))"""


# Tick every row that can be ticked, and type into every filter.
MARK = """() => {
  const named = (e) => e?.getAttribute('aria-label');
  const find = (table, label) => [...document.querySelectorAll('.lfads-root input')].find(
    (e) => named(e) === label && named(e.closest('table')) === table);
  window.lateMarks = [];
  const note = (what, is) => window.lateMarks.push({what, is, made: is()});
  const shown = (which) => [...document.querySelectorAll(`.lfads-root ${which}`)].filter(
    (e) => e.offsetParent);
  for (const e of shown('tr[data-id] .lf-check input')) {
    const table = named(e.closest('table')), label = named(e);
    e.click();
    note(`${table}: ${label}`, () => find(table, label)?.checked);
  }
  for (const e of shown('input[type=search], input[aria-label="Find a parameter"]')) {
    e.focus();
    for (const text of ['e', 'e_', 'e']) {
      e.value = text;
      e.dispatchEvent(new Event('input', {bubbles: true}));
    }
    note(named(e), () => e.isConnected ? e.value : 'gone');
  }
  return window.lateMarks.length;
}"""

UNMARKED = """() => window.lateMarks.filter(({is, made}) => is() !== made)
  .map(({what, is, made}) => `${what}: ${made} became ${is()}`)"""


def wait_for_answers(lab):
    """Wait until a second has passed in which no late answer was under way."""
    quiet = 0
    for _ in range(80):
        lab.page.wait_for_timeout(250)
        quiet = 0 if lab.kernel_answers("len(session.under_way)") else quiet + 1
        if quiet == 4:
            return


def unexplained(lab):
    """Return the page's complaints but those of updates that came after the end of a widget.

    `comm_close` is not late here, and what speaks of a widget that is closed cannot be read by the
    page; a kernel in order sends it before the end.
    """
    wrong = "[of for of, about in session.updates if session.closed & {of, *about}]"
    after_the_end = set(lab.kernel_answers(wrong))
    found = [re.search(r"update msg for model id: (\w+)", each) for each in lab.errors]
    return [
        each for each, said in zip(lab.errors, found, strict=True)
        if said is None or said[1] not in after_the_end
    ]  # fmt: skip


def panels_while_late(lab, page):
    """Go through the panels; the kernel's answers are late while each is at hand."""
    try:
        for name in ("Datasets", "Parameters", "Runs", "Queue"):
            tab(page, name)
            shown = ".lf-field:visible" if name == "Parameters" else "tr[data-id]:visible"
            expect(page.locator(shown).first).to_be_visible()
            page.wait_for_timeout(500)
            lab.kernel_answers(f"exec({LATE!r})")
            yield name
            lab.kernel_answers(IN_TIME)
    finally:
        lab.kernel_answers(IN_TIME)
    lab.errors[:] = unexplained(lab)


def test_nothing_that_was_typed_is_lost_to_late_answers(lab, page, home, data):
    show(lab, home, f"a = lfads_nb.app({str(make_collection(data, 'slow').path)!r}); a")
    lost = {}
    for name in panels_while_late(lab, page):
        # Filters hide what is to be changed, so they come by themselves in other tests.
        changed = page.evaluate(CHANGE, ["Find a parameter", "changed only"])
        assert changed >= (12 if name == "Parameters" else 1), name
        wait_for_answers(lab)
        lost[name] = page.evaluate(LOST)
        lab.kernel_answers(IN_TIME)
        page.wait_for_timeout(500)
        lost[f"{name}, later"] = page.evaluate(LOST)
    # A choice that acts at once, and then goes back to where it was.
    lost = {
        name: [e for e in each if not e.startswith("Start from:")] for name, each in lost.items()
    }
    assert not any(lost.values()), json.dumps(lost, indent=1)


def test_ticked_rows_and_filters_stay_while_answers_are_late(lab, page, home, data):
    show(lab, home, f"a = lfads_nb.app({str(make_collection(data, 'ticked').path)!r}); a")
    least, lost = {"Datasets": 4, "Parameters": 1, "Runs": 3, "Queue": 2}, {}
    for name in panels_while_late(lab, page):
        assert page.evaluate(MARK) >= least[name], name
        wait_for_answers(lab)
        lost[name] = page.evaluate(UNMARKED)
    assert not any(lost.values()), json.dumps(lost, indent=1)
