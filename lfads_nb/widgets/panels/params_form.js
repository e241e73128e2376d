// The form of all hyperparameters, built from their declarations. Text only, no HTML from outside.
function el(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined && text !== null) node.textContent = text;
  return node;
}
let serial = 0;

function render({ model, el: root }) {
  root.classList.add("lfads", "lf-form");
  const rows = new Map(); // name -> row
  const tools = el("div", "lf-tools");
  const scroll = el("div", "lf-scroll");
  scroll.setAttribute("role", "group");
  root.append(tools, scroll);
  const search = el("input");
  search.type = "search";
  search.placeholder = "Find a parameter";
  search.setAttribute("aria-label", "Find a parameter");
  const tierBox = el("select");
  tierBox.setAttribute("aria-label", "Which parameters to show");
  for (const [value, text] of [["common", "common ones"], ["occasional", "and occasional ones"], ["rare", "all"]])
    tierBox.append(new Option(text, value));
  const onlyLabel = el("label"), only = el("input");
  only.type = "checkbox";
  onlyLabel.append(only, "changed only");
  const found = el("span", "lfads-dim");
  found.setAttribute("role", "status");
  tools.append(search, el("span", "", "Show"), tierBox, onlyLabel, found);
  const opened = new Map(); // group -> tier shown in it beyond the general choice
  const rank = { common: 0, occasional: 1, rare: 2 };
  let timer = null;

  // The page owns what is typed. A late answer of the kernel may bring back what stood here before
  // (it says so by the number of its edit); what the kernel fills in itself has a new `filled`.
  const own = {};
  const adopt = () => {
    for (const trait of ["values", "sweeps", "edit", "filled"]) own[trait] = model.get(trait);
  };
  adopt();
  const get = (trait, name) => own[trait][name];
  const restore = () => { for (const name of ["values", "sweeps", "edit"]) model.set(name, own[name]); };
  function put_all(trait, all) {
    own[trait] = all;
    own.edit += 1;
    restore();
  }
  function set(trait, name, value) {
    const all = { ...own[trait] };
    if (value === undefined) delete all[name];
    else all[name] = value;
    put_all(trait, all);
    clearTimeout(timer);
    timer = setTimeout(() => model.save_changes(), 120);
  }
  function take() {
    if (model.get("filled") === own.filled && model.get("edit") < own.edit) return restore();
    adopt();
    update();
  }
  function flush() { clearTimeout(timer); model.save_changes(); }

  function build() {
    rows.clear();
    scroll.replaceChildren();
    scroll.style.maxHeight = model.get("max_height");
    scroll.setAttribute("aria-label", "Parameters");
    const groups = new Map();
    for (const field of model.get("fields")) {
      if (!groups.has(field.group)) groups.set(field.group, []);
      groups.get(field.group).push(field);
    }
    for (const [name, fields] of groups) scroll.append(group(name, fields));
    update();
  }

  function group(name, fields) {
    const box = el("fieldset");
    const legend = el("legend");
    const more = el("button", "lf-more");
    more.type = "button";
    const reset = el("button", "lf-more", "reset group");
    reset.type = "button";
    reset.setAttribute("aria-label", `Reset all of ${name}`);
    legend.append(el("span", "", name), more, el("span", "lf-spacer"), reset);
    box.append(legend);
    const mine = [...fields].sort((a, b) => rank[a.tier] - rank[b.tier]).map((field) => row(field));
    box.append(...mine.map((r) => r.node));
    more.onclick = () => {
      if (opened.has(name)) opened.delete(name);
      else opened.set(name, "rare");
      update();
    };
    reset.onclick = () => {
      for (const trait of ["values", "sweeps"]) {
        const all = { ...own[trait] };
        for (const field of fields) delete all[field.name];
        put_all(trait, all);
      }
      flush();
      update();
    };
    box.lfUpdate = () => {
      let shown = 0, folded = 0, changed = 0;
      for (const r of mine) {
        const fits = r.fits();
        const visible = fits && (search.value.trim() || only.checked || r.isChanged() || r.hasProblem() || rank[r.field.tier] <= Math.max(rank[tierBox.value], rank[opened.get(name)] ?? 0));
        r.node.hidden = !visible;
        shown += Boolean(visible);
        folded += fits && !visible;
        changed += r.isChanged();
      }
      box.hidden = !shown && !folded;
      more.textContent = opened.has(name) ? "show less" : folded ? `${folded} more` : "";
      more.hidden = !more.textContent;
      more.setAttribute("aria-expanded", String(opened.has(name)));
      more.setAttribute("aria-label", `${more.textContent} in ${name}`);
      reset.hidden = !changed;
      return shown;
    };
    return box;
  }

  function row(field) {
    const id = `lf-${(serial += 1)}-${field.name}`;
    const node = el("div", "lf-field");
    node.dataset.field = field.name;
    const nameBox = el("div");
    const label = el("label", "lf-name", field.name);
    label.htmlFor = id;
    nameBox.append(label);
    const tags = el("div");
    for (const text of field.tags) tags.append(el("span", "lf-tag", text + " "));
    nameBox.append(tags);
    const control = el("div", "lf-control");
    const what = el("div", "lf-what");
    const facts = el("p", "lf-facts", field.facts);
    facts.id = `${id}-facts`;
    const problems = el("div", "lf-problems");
    problems.id = `${id}-problems`;
    problems.setAttribute("aria-live", "polite");
    const about = el("p", "lf-about", field.description);
    about.title = field.description;  // cut to a line until the field has the focus
    what.append(about, facts, problems);
    node.append(nameBox, control, what);
    let shape = null;

    const isSwept = () => get("sweeps", field.name) !== undefined;
    const isChanged = () => isSwept() || get("values", field.name) !== undefined;
    const listed = () => model.get("problems")[field.name] ?? [];

    function single() {
      let input;
      if (field.kind === "choice" || field.kind === "bool") {
        input = el("select", "lf-value");
        for (const choice of field.choices) input.append(new Option(choice, choice));
        input.onchange = () => put(input.value);
      } else {
        input = el("input");
        input.type = "text";
        input.inputMode = field.kind === "int" ? "numeric" : field.kind === "float" ? "decimal" : "text";
        input.spellcheck = false;
        input.oninput = () => put(input.value);
        input.onchange = flush;
      }
      input.id = id;
      input.setAttribute("aria-describedby", `${facts.id} ${problems.id}`);
      return [input, el("span", "lf-unit", field.unit)];
    }
    function put(text) {
      set("values", field.name, text === field.default ? undefined : text);
      update();
    }
    function sweepInputs(sweep) {
      const kind = el("select");
      for (const name of field.sweep_kinds) kind.append(new Option(name, name));
      kind.id = id;
      kind.setAttribute("aria-label", `How to sweep ${field.name}`);
      kind.onchange = () => { put_sweep({ kind: kind.value }); refresh(true); };
      const nodes = [kind];
      const text = (key, title, className, hint) => {
        const input = el("input", className);
        input.type = "text";
        input.dataset.key = key;
        input.placeholder = hint;
        input.setAttribute("aria-label", `${title} of ${field.name}`);
        input.setAttribute("aria-describedby", `${facts.id} ${problems.id}`);
        input.oninput = () => put_sweep({ [key]: input.value });
        input.onchange = flush;
        nodes.push(input);
      };
      if (sweep.kind === "list") text("values", "Values", "lf-list", "values, with commas between");
      else {
        text("low", "Lowest value", "lf-short", "from");
        nodes.push(el("span", "lf-unit", "to"));
        text("high", "Highest value", "lf-short", "to");
        if (!sweep.kind.includes("random")) {
          nodes.push(el("span", "lf-unit", "in"));
          text("n", "Number of values", "lf-short", "n");
        }
      }
      nodes.push(el("span", "lf-unit", field.unit));
      return nodes;
    }
    function put_sweep(change) {
      set("sweeps", field.name, { ...get("sweeps", field.name), ...change });
      update();
    }
    const sweepButton = el("button", "lf-mini", "sweep");
    sweepButton.type = "button";
    sweepButton.setAttribute("aria-label", `Sweep ${field.name}`);
    sweepButton.title = "Try several values";
    sweepButton.onclick = () => {
      if (isSwept()) set("sweeps", field.name, undefined);
      else {
        const now = get("values", field.name) ?? field.default;
        const values = field.kind === "bool" || field.kind === "choice" ? field.choices.join(", ") : now;
        set("sweeps", field.name, { kind: "list", values, low: "", high: "", n: "3" });
      }
      flush();
      update();
      control.querySelector("input, select").focus();
    };
    const resetButton = el("button", "lf-mini", "reset");
    resetButton.type = "button";
    resetButton.setAttribute("aria-label", `Reset ${field.name} to its default`);
    resetButton.title = `Back to ${field.default === "" ? "the default" : field.default}`;
    resetButton.onclick = () => {
      set("values", field.name, undefined);
      set("sweeps", field.name, undefined);
      flush();
      update();
    };

    function refresh(force = false) {
      const sweep = get("sweeps", field.name);
      const now = sweep ? `sweep ${sweep.kind}` : "single";
      if (force || now !== shape) {
        shape = now;
        const nodes = sweep ? sweepInputs(sweep) : single();
        control.replaceChildren(...nodes, ...(field.sweep_kinds.length ? [sweepButton] : []), resetButton);
      }
      const write = (input, text) => { if (input.value !== text) input.value = text; };
      if (sweep) {
        write(control.querySelector("select"), sweep.kind);
        for (const input of control.querySelectorAll("input[data-key]")) if (input !== document.activeElement) write(input, sweep[input.dataset.key] ?? "");
      } else {
        const input = control.firstChild, text = get("values", field.name) ?? field.default;
        if (input !== document.activeElement || !input.lfTyping) write(input, text);
      }
      sweepButton.setAttribute("aria-pressed", String(Boolean(sweep)));
      resetButton.hidden = !isChanged();
      node.classList.toggle("lf-changed", isChanged());
      const errors = listed().some((p) => p.severity === "error");
      node.classList.toggle("lf-has-error", errors);
      for (const input of control.querySelectorAll("input")) input.setAttribute("aria-invalid", String(errors));
      const text = JSON.stringify(listed());
      if (problems.dataset.now !== text) {
        problems.dataset.now = text;
        problems.replaceChildren(...listed().map((p) => el("p", `lf-problem lf-${p.severity === "error" ? "bad" : "warn"}`, `${p.severity === "error" ? "✗" : "!"} ${p.message}`)));
      }
    }
    const haystack = [field.name, field.description, field.group, field.legacy, field.unit].join(" ").toLowerCase();
    const made = {
      node, field, refresh, isChanged,
      hasProblem: () => listed().length > 0,
      fits: () => {
        if (only.checked && !isChanged()) return false;
        return search.value.toLowerCase().split(/\s+/).filter(Boolean).every((word) => haystack.includes(word) || haystack.replaceAll("_", " ").includes(word));
      },
    };
    rows.set(field.name, made);
    return made;
  }

  function update() {
    let shown = 0;
    for (const r of rows.values()) r.refresh();
    for (const box of scroll.querySelectorAll("fieldset")) shown += box.lfUpdate();
    const changed = [...rows.values()].filter((r) => r.isChanged()).length;
    found.textContent = search.value.trim() ? `${shown} found` : `${changed} changed`;
  }

  search.oninput = update;
  only.onchange = update;
  tierBox.onchange = () => { opened.clear(); update(); };
  build();
  const events = [["change:fields", build], ["change:problems", update], ...["values", "sweeps", "edit", "filled"].map((trait) => [`change:${trait}`, take])];
  for (const [name, handler] of events) model.on(name, handler);
  return () => { for (const [name, handler] of events) model.off(name, handler); };
}
export default { render };
