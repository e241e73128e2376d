// A drop-down with arrows either side. Its keys work while anything in the viewer has the focus;
// they are taken before JupyterLab's own shortcuts see them.

function render({ model, el }) {
  el.classList.add("lfads-step");
  const label = document.createElement("label");
  const select = document.createElement("select");
  const back = document.createElement("button");
  const forth = document.createElement("button");
  const id = `lfads-step-${Math.random().toString(36).slice(2)}`;
  label.htmlFor = select.id = id;
  back.textContent = "◀";
  forth.textContent = "▶";
  el.append(label, back, select, forth);

  const keys = () => model.get("step_keys");
  function options() {
    select.replaceChildren(...model.get("options").map((text) => new Option(text)));
    label.textContent = model.get("label");
    el.hidden = !model.get("options").length; // nothing to step through
    const [k0, k1] = keys();
    back.title = `previous ${label.textContent} (${k0})`;
    forth.title = `next ${label.textContent} (${k1})`;
    back.setAttribute("aria-label", back.title);
    forth.setAttribute("aria-label", forth.title);
    index();
  }
  function index() {
    const [at, n] = [model.get("index"), model.get("options").length];
    select.selectedIndex = at;
    back.disabled = at <= 0;
    forth.disabled = at >= n - 1;
    el.dataset.index = at;
  }
  function go(to) {
    const n = model.get("options").length;
    const bounded = Math.max(0, Math.min(n - 1, to));
    if (!n || bounded === model.get("index")) return;
    model.set("index", bounded);
    model.save_changes();
  }
  const step = (by) => go(model.get("index") + by);
  const names = { "←": "ArrowLeft", "→": "ArrowRight", "↑": "ArrowUp", "↓": "ArrowDown" };
  const onKey = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const which = keys().findIndex((key) => (names[key] || key) === event.key);
    const viewer = el.closest(".lfads-viewer");
    if (which < 0 || !viewer || !viewer.contains(event.target)) return;
    const field = event.target.closest("input:not([type=checkbox]), textarea, select, pre");
    if (field && field !== select) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    step(which === 0 ? -1 : 1);
  };

  select.onchange = () => go(select.selectedIndex);
  back.onclick = () => step(-1);
  forth.onclick = () => step(1);
  model.on("change:options change:label", options);
  model.on("change:index", index);
  window.addEventListener("keydown", onKey, true);
  // A click on the plot focuses the viewer, so that the keys work from there.
  const focusable = new IntersectionObserver(() => {
    const viewer = el.closest(".lfads-viewer");
    if (viewer && !viewer.hasAttribute("tabindex")) viewer.tabIndex = -1;
  });
  focusable.observe(el);
  options();
  return () => {
    window.removeEventListener("keydown", onKey, true);
    focusable.disconnect();
  };
}

export default { render };
