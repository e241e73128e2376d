"""The live table's own page code, with messages in any order."""

from __future__ import annotations

from pathlib import Path

import pytest

import lfads_nb.widgets

CODE = Path(lfads_nb.widgets.__file__).with_name("live_table.js")

# A model as anywidget gives it, whose traits arrive one by one.
DRIVE = """async ([code, first]) => {
  const url = URL.createObjectURL(new Blob([code], {type: 'text/javascript'}));
  const table = (await import(url)).default;
  const column = (key) => ({key, title: key.toUpperCase(), kind: 'text', align: 'left', width: ''});
  const row = (id, keys) => ({id, cells: Object.fromEntries(keys.map((k) => [k, `${k}${id}`]))});
  const values = {
    columns: ['a', 'b'].map(column), rows: ['1', '2'].map((id) => row(id, ['a', 'b'])),
    _shown: {n: 0, rev: 0, ids: []}, selectable: 'none', filterable: true, facets: [],
    max_height: '200px', empty: 'nothing', label: 'made up',
  };
  const heard = {};
  const model = {
    get: (name) => values[name], set: (name, value) => { values[name] = value; },
    save_changes() {}, send() {},
    on: (name, f) => { heard[name] = [...(heard[name] ?? []), f]; }, off() {},
  };
  const el = document.createElement('div');
  document.body.append(el);
  const close = table.render({model, el});
  el.querySelector('th[data-key=b] button').click();
  const update = {
    columns: ['a', 'c'].map(column), rows: ['1', '2', '3'].map((id) => row(id, ['a', 'c'])),
  };
  const order = first === 'rows' ? ['rows', 'columns'] : ['columns', 'rows'];
  // Backbone sets all traits of an update before it tells of any.
  if (first !== 'one by one') Object.assign(values, update);
  for (const name of order) {
    values[name] = update[name];
    for (const f of heard[`change:${name}`] ?? []) f();
  }
  const text = [...el.querySelectorAll('tr')].map(
    (tr) => [...tr.children].map((cell) => cell.textContent).join(' '));
  close();
  el.remove();
  return text;
}"""


@pytest.mark.parametrize("first", ["rows", "columns", "one by one"])
def test_rows_and_columns_may_come_in_any_order(lab, first):
    text = lab.page.evaluate(DRIVE, [CODE.read_text(), first])
    assert text == ["A C", "a1 c1", "a2 c2", "a3 c3"]


def ticked(page):
    boxes = page.locator("tr[data-id] .lf-check input")
    return [i for i in range(boxes.count()) if boxes.nth(i).is_checked()]


def test_screen_and_kernel_hold_the_same_selection_whoever_chose_last(lab, page):
    lab.show(
        "from lfads_nb.widgets.live_table import LiveTable, column\n"
        "t = LiveTable([column('a', 'A')], 'things', selectable='many')\n"
        "t.update_rows([{'id': str(i), 'cells': {'a': i}} for i in range(4)])\n"
        "import ipywidgets as w; w.VBox([t, t])"
    )
    one, other = (page.locator(".lf-table").nth(i) for i in (0, 1))
    tick = [one.locator("tr[data-id] .lf-check input").nth(i) for i in range(4)]

    def all_hold(*ids):
        lab.wait_until(f"t.selected == {list(ids)!r}")
        page.wait_for_timeout(300)
        assert lab.kernel_answers("t.selected") == list(ids)
        for view in (one, other):
            assert ticked(view) == [int(name) for name in ids]

    tick[1].click()
    tick[1].click()
    tick[1].click()
    all_hold("1")
    # what the page chose a moment ago, chosen by the kernel now
    lab.kernel_answers("setattr(t, 'selected', [])")
    all_hold()
    tick[0].click()
    tick[2].click()
    all_hold("0", "2")
    lab.kernel_answers("setattr(t, 'selected', ['0'])")
    all_hold("0")
    # the other view's choice counts as much as this one's
    tick[0].click()
    other.locator("tr[data-id] .lf-check input").nth(3).click()
    all_hold("3")
    # a row that goes and comes back is not selected
    lab.kernel_answers("t.update_rows([r for r in t.rows if r['id'] != '3'])")
    all_hold()
    lab.kernel_answers("t.update_rows([{'id': str(i), 'cells': {'a': i}} for i in range(4)])")
    all_hold()
