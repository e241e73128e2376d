// A table that changes only the cells that differ. All text goes in through textContent.
const key = JSON.stringify;

function el(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined && text !== null) node.textContent = text;
  return node;
}

const textOf = (cell) => (cell === null || cell === undefined ? "" : typeof cell === "object" ? cell.text ?? "" : String(cell));
const wordsOf = (cell) => textOf(cell) + " " + (cell?.sub ?? "");
const sortOf = (cell) => {
  const value = cell !== null && typeof cell === "object" ? cell.sort ?? cell.text ?? null : cell ?? null;
  return value === "" ? null : value;
};

function spark(values) {
  const known = values.filter((v) => v !== null);
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "lf-spark");
  svg.setAttribute("width", "64");
  svg.setAttribute("height", "16");
  svg.setAttribute("aria-hidden", "true");
  if (known.length > 1) {
    const low = Math.min(...known), high = Math.max(...known);
    const at = values.map((v, i) => [1 + (62 * i) / (values.length - 1), v === null ? null : 14 - (12 * (v - low)) / (high - low || 1)]);
    const line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
    line.setAttribute("points", at.filter((p) => p[1] !== null).map((p) => p.map((x) => x.toFixed(1)).join(",")).join(" "));
    svg.append(line);
  }
  return svg;
}

function fill(td, cell, column) {
  td.replaceChildren();
  const rich = cell !== null && typeof cell === "object" ? cell : { text: textOf(cell) };
  td.title = rich.title ?? (column.kind === "text" ? rich.text ?? "" : "");
  if (rich.fraction !== undefined && rich.fraction !== null) {
    const percent = Math.round(100 * rich.fraction);
    const bar = el("span", `lf-bar lf-${rich.tone ?? "run"}`);
    bar.setAttribute("role", "progressbar");
    bar.setAttribute("aria-valuemin", "0");
    bar.setAttribute("aria-valuemax", "100");
    bar.setAttribute("aria-valuenow", String(percent));
    bar.setAttribute("aria-label", column.title);
    const inner = el("i");
    inner.style.width = `${percent}%`;
    bar.append(inner);
    td.append(bar, el("span", "lf-bar-text", rich.text ?? `${percent} %`));
    return;
  }
  const span = el("span", rich.tone ? `lf-${rich.tone}` : "");
  if (rich.icon) {
    const icon = el("span", "", rich.icon + " ");
    icon.setAttribute("aria-hidden", "true");
    span.append(icon);
  }
  span.append(rich.text ?? "");
  td.append(span);
  if (rich.spark) td.append(spark(rich.spark));
  if (rich.sub) td.append(el("span", "lf-sub", rich.sub));
}

function applyPatch(model, message) {
  if (message.op !== "patch") return;
  const byId = new Map(model.get("rows").map((row) => [row.id, row]));
  for (const change of message.rows) {
    const row = byId.get(change.id);
    if (!row) continue;
    Object.assign(row.cells, change.cells);
    if ("faint" in change) row.faint = change.faint;
  }
}

function render({ model, el: root }) {
  root.classList.add("lfads", "lf-table");
  const tools = el("div", "lf-tools");
  const search = el("input");
  search.type = "search";
  const facetBoxes = new Map();
  const shown = el("span", "lf-shown");
  shown.setAttribute("role", "status");
  const scroll = el("div", "lf-scroll");
  const table = el("table");
  const head = el("thead"), body = el("tbody");
  table.append(head, body);
  scroll.append(table);
  root.append(tools, scroll);

  const nodes = new Map(); // row id -> {tr, tds, keys, check, data}
  let sort = null, anchor = null, cursor = null, allBox = null;
  let built = null; // the columns that the table on screen was made of

  const columns = () => model.get("columns");
  const mode = () => model.get("selectable");
  // What is selected here: page and kernel both may choose, and what comes late is older by its
  // numbers: `n` counts the page's choices, `rev` the kernel's answers to them and its own.
  let latest = model.get("_shown");
  const selection = () => new Set(latest.ids);
  const choose = (ids) => {
    const order = new Set(ids);
    const chosen = model.get("rows").map((r) => r.id).filter((id) => order.has(id));
    latest = { n: latest.n + 1, rev: -1, ids: chosen };
    model.set("_shown", latest); // for other views of this table; never saved, so never echoed
    model.send({ op: "pick", n: latest.n, ids: chosen });
    showSelection();
  };
  const onShown = () => {
    const told = model.get("_shown");
    if (told.n > latest.n || (told.n === latest.n && told.rev >= latest.rev)) latest = told;
    else model.set("_shown", latest);
    showSelection();
  };

  function buildHead() {
    const tr = el("tr");
    allBox = null;
    if (mode() === "many") {
      const th = el("th", "lf-check");
      allBox = el("input");
      allBox.type = "checkbox";
      allBox.setAttribute("aria-label", "Select all shown rows");
      allBox.onchange = () => choose(allBox.checked ? visibleIds() : []);
      th.append(allBox);
      tr.append(th);
    }
    for (const column of columns()) {
      const th = el("th", column.align === "right" ? "lf-right" : "");
      th.scope = "col";
      if (column.width) th.style.width = column.width;
      if (column.hint) th.title = column.hint;
      if (column.sortable === false) th.append(el("span", "", column.title));
      else {
        const button = el("button", "", column.title);
        button.type = "button";
        if (!column.title) button.setAttribute("aria-label", column.hint || column.key);
        button.onclick = () => {
          const down = sort && sort.key === column.key && sort.direction === 1;
          sort = sort && sort.key === column.key && sort.direction === -1 ? null : { key: column.key, direction: down ? -1 : 1 };
          order();
        };
        th.append(button);
        th.dataset.key = column.key;
      }
      tr.append(th);
    }
    head.replaceChildren(tr);
  }

  function buildRow(row) {
    const tr = el("tr");
    tr.dataset.id = row.id;
    if (mode() !== "none") tr.tabIndex = -1;
    const node = { tr, tds: [], keys: [], check: null, data: row };
    if (mode() === "many") {
      const td = el("td", "lf-check");
      node.check = el("input");
      node.check.type = "checkbox";
      node.check.tabIndex = -1;
      node.check.setAttribute("aria-label", `Select ${row.label ?? row.id}`);
      td.append(node.check);
      tr.append(td);
    }
    for (const column of columns()) {
      const td = el("td", [column.align === "right" ? "lf-right" : "", column.kind === "code" ? "lf-code" : "", column.wrap ? "lf-wrap" : ""].join(" "));
      if (column.width) td.style.maxWidth = column.width;
      node.tds.push(td);
      node.keys.push(undefined);
      tr.append(td);
    }
    nodes.set(row.id, node);
    updateRow(node, row);
    return node;
  }

  function updateRow(node, row) {
    node.data = row;
    node.tr.classList.toggle("lf-faint", Boolean(row.faint));
    columns().forEach((column, i) => {
      const cell = row.cells[column.key];
      const now = key(cell);
      if (now !== node.keys[i]) {
        node.keys[i] = now;
        fill(node.tds[i], cell, column);
      }
    });
  }

  function rebuild() {
    buildHead();
    nodes.clear();
    body.replaceChildren();
    syncRows();
  }

  function syncRows() {
    // One update may bring rows before the columns that they belong to, or after.
    if (columns() !== built) return build();
    const rows = model.get("rows");
    const ids = new Set(rows.map((r) => r.id));
    for (const [id, node] of nodes) if (!ids.has(id)) { node.tr.remove(); nodes.delete(id); }
    for (const row of rows) {
      const node = nodes.get(row.id);
      if (node) updateRow(node, row);
      else buildRow(row);
    }
    order();
    showSelection();
  }

  function matches(row) {
    for (const [k, box] of facetBoxes) if (box.value && textOf(row.cells[k]) !== box.value) return false;
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.length) return true;
    const text = columns().map((c) => wordsOf(row.cells[c.key])).join(" ").toLowerCase();
    return words.every((word) => text.includes(word));
  }

  function order() {
    let rows = model.get("rows");
    for (const th of head.querySelectorAll("th[data-key]")) {
      const mine = sort && sort.key === th.dataset.key;
      th.setAttribute("aria-sort", mine ? (sort.direction === 1 ? "ascending" : "descending") : "none");
      const button = th.firstChild, title = columns().find((c) => c.key === th.dataset.key)?.title ?? "";
      button.textContent = title + (mine ? (sort.direction === 1 ? " ▲" : " ▼") : "");
    }
    if (sort) {
      rows = [...rows].sort((a, b) => {
        const x = sortOf(a.cells[sort.key]), y = sortOf(b.cells[sort.key]);
        if (x === null || y === null) return (x === null) - (y === null); // the unknown last
        if (typeof x === "number" && typeof y === "number") return sort.direction * (x - y);
        return sort.direction * String(x).localeCompare(String(y), undefined, { numeric: true });
      });
    }
    let place = body.firstChild, count = 0;
    for (const row of rows) {
      const tr = nodes.get(row.id).tr;
      if (tr === place) place = place.nextSibling;
      else body.insertBefore(tr, place);
      const fits = matches(row);
      tr.hidden = !fits;
      count += fits;
    }
    while (place) { const next = place.nextSibling; place.remove(); place = next; }
    if (!count) {
      const tr = el("tr"), td = el("td", "lf-empty", rows.length ? "No row matches the filter." : model.get("empty"));
      td.colSpan = columns().length + (mode() === "many");
      tr.append(td);
      body.append(tr);
    }
    shown.textContent = count === rows.length ? (rows.length > 8 ? `${rows.length} rows` : "") : `${count} of ${rows.length} rows`;
    if (!cursor || !nodes.has(cursor) || nodes.get(cursor).tr.hidden) cursor = visibleIds()[0] ?? null;
    for (const [id, node] of nodes) if (mode() !== "none") node.tr.tabIndex = id === cursor ? 0 : -1;
    fillFacets();
  }

  function fillFacets() {
    for (const [k, box] of facetBoxes) {
      const counts = new Map();
      for (const row of model.get("rows")) counts.set(textOf(row.cells[k]), (counts.get(textOf(row.cells[k])) ?? 0) + 1);
      const wanted = key([...counts].sort());
      if (box.dataset.now === wanted) continue;
      box.dataset.now = wanted;
      const value = box.value;
      const title = columns().find((c) => c.key === k)?.title ?? k;
      box.replaceChildren(new Option(`${title}: all`, ""), ...[...counts].sort().map(([text, n]) => new Option(`${text || "none"} (${n})`, text)));
      box.value = counts.has(value) ? value : "";
    }
  }

  function visibleIds() {
    return [...body.children].filter((tr) => tr.dataset.id !== undefined && !tr.hidden).map((tr) => tr.dataset.id);
  }

  function showSelection() {
    const chosen = selection();
    for (const [id, node] of nodes) {
      if (mode() !== "none") node.tr.setAttribute("aria-selected", String(chosen.has(id)));
      if (node.check) node.check.checked = chosen.has(id);
    }
    if (allBox) {
      const ids = visibleIds(), n = ids.filter((id) => chosen.has(id)).length;
      allBox.checked = n > 0 && n === ids.length;
      allBox.indeterminate = n > 0 && n < ids.length;
    }
  }

  function pick(id, event, toggle) {
    if (mode() === "none") return;
    moveTo(id, false);
    const chosen = selection();
    if (mode() === "many" && event.shiftKey && anchor) {
      const ids = visibleIds(), [a, b] = [ids.indexOf(anchor), ids.indexOf(id)].sort((x, y) => x - y);
      if (a >= 0) return choose([...chosen, ...ids.slice(a, b + 1)]);
    }
    anchor = id;
    if (mode() === "many" && (toggle || event.ctrlKey || event.metaKey)) {
      if (chosen.has(id)) chosen.delete(id);
      else chosen.add(id);
      return choose(chosen);
    }
    choose([id]);
  }

  function moveTo(id, focus = true) {
    if (cursor && nodes.has(cursor)) nodes.get(cursor).tr.tabIndex = -1;
    cursor = id;
    const tr = nodes.get(id).tr;
    tr.tabIndex = 0;
    if (focus) { tr.focus(); tr.scrollIntoView({ block: "nearest" }); }
  }

  body.addEventListener("click", (event) => {
    const tr = event.target.closest("tr[data-id]");
    if (!tr) return;
    pick(tr.dataset.id, event, event.target.closest(".lf-check") !== null);
  });
  body.addEventListener("keydown", (event) => {
    const tr = event.target.closest("tr[data-id]");
    if (!tr || mode() === "none") return;
    const ids = visibleIds(), at = ids.indexOf(tr.dataset.id);
    const go = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: ids.length - 1, PageDown: at + 10, PageUp: at - 10 }[event.key];
    if (go !== undefined) moveTo(ids[Math.max(0, Math.min(ids.length - 1, go))]);
    else if (event.key === " ") pick(tr.dataset.id, event, true);
    else if (event.key === "Enter") pick(tr.dataset.id, event, false);
    else if (event.key === "a" && (event.ctrlKey || event.metaKey) && mode() === "many") choose(ids);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  search.addEventListener("input", () => { order(); showSelection(); });

  function build() {
    built = columns();
    if (sort && !built.some((c) => c.key === sort.key)) sort = null;
    const label = model.get("label");
    table.setAttribute("aria-label", label);
    if (mode() !== "none") table.setAttribute("role", "grid");
    if (mode() === "many") table.setAttribute("aria-multiselectable", "true");
    search.placeholder = "Filter rows";
    search.setAttribute("aria-label", `Filter rows of ${label}`);
    scroll.style.maxHeight = model.get("max_height");
    facetBoxes.clear();
    tools.replaceChildren();
    tools.hidden = !model.get("filterable");
    if (model.get("filterable")) {
      tools.append(search);
      for (const k of model.get("facets")) {
        const box = el("select");
        box.setAttribute("aria-label", `Filter by ${columns().find((c) => c.key === k)?.title ?? k}`);
        box.onchange = () => { order(); showSelection(); };
        facetBoxes.set(k, box);
        tools.append(box);
      }
      tools.append(shown);
    }
    rebuild();
  }

  const onPatch = (message) => {
    applyPatch(model, message);
    for (const change of message.rows ?? []) {
      const node = nodes.get(change.id);
      const row = node && model.get("rows").find((r) => r.id === change.id);
      if (row) updateRow(node, row);
    }
    const changed = new Set((message.rows ?? []).flatMap((r) => Object.keys(r.cells)));
    if (search.value || (sort && changed.has(sort.key)) || [...facetBoxes.keys()].some((k) => changed.has(k))) order();
  };
  const lost = () => root.closest(".jupyter-widgets-disconnected") !== null; // the kernel left
  const seen = () => { if (!document.hidden && root.offsetParent && !lost()) model.send({ op: "seen" }); };
  const beat = setInterval(seen, 20000);

  // columns beyond the right edge have a sign there
  const edge = () => root.toggleAttribute("data-more", scroll.scrollLeft + scroll.clientWidth < scroll.scrollWidth - 2);
  const sizes = new ResizeObserver(edge);
  sizes.observe(scroll);
  sizes.observe(table);
  scroll.addEventListener("scroll", edge, { passive: true });

  build();
  seen();
  model.on("change:rows", syncRows);
  const onColumns = () => { if (columns() !== built) build(); };
  model.on("change:columns", onColumns);
  model.on("change:empty", order);
  model.on("change:_shown", onShown);
  model.on("msg:custom", onPatch);
  return () => {
    clearInterval(beat);
    sizes.disconnect();
    model.off("change:rows", syncRows);
    model.off("change:columns", onColumns);
    model.off("change:empty", order);
    model.off("change:_shown", onShown);
    model.off("msg:custom", onPatch);
  };
}

// Patches that arrive while the table is not on screen must not be lost.
function initialize({ model }) {
  model.on("msg:custom", (message) => applyPatch(model, message));
}

export default { initialize, render };
