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
    selected: [], selectable: 'none', filterable: true, facets: [], max_height: '200px',
    empty: 'nothing', label: 'made up',
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
