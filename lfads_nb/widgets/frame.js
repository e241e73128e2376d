// Invisible: keys, Enter, and the word after a restart. See frame.py.
const ROOTS = ".lfads-root, .lfads-panel";
const LOST = "jupyter-widgets-disconnected";

function sayLost(root) {
  if (root.querySelector(":scope > .lfads-lost")) return;
  const said = document.createElement("div");
  said.className = "lfads-notice lfads-warning lfads-lost";
  said.setAttribute("role", "alert");
  const sign = document.createElement("span");
  sign.textContent = "!";
  sign.setAttribute("aria-hidden", "true");
  const text = document.createElement("div");
  text.textContent = "The kernel was restarted: run this cell again. "
    + "Everything that was set up is saved, and runs go on meanwhile.";
  said.append(sign, text);
  // what is left answers nobody: neither mouse nor keyboard gets at it
  for (const child of root.children) child.inert = true;
  root.prepend(said);
}

const KEYS = [
  ["1 … 5", "go to Datasets, Parameters, Runs, Queue, Results"],
  ["/", "filter the rows, or find a parameter"],
  ["↑ ↓ Home End", "move in a table"],
  ["Space", "select the row as well; Enter: it alone"],
  ["Shift + click", "select all rows up to it"],
  ["Ctrl + A", "select all rows that are shown"],
  ["Enter", "in a text box: what the blue button beside it does"],
  ["← →", "beside a neuron or trial: the one before, the next"],
  ["Esc", "close this list"],
];

const isTyping = (node) => node instanceof HTMLInputElement && !["checkbox", "radio", "button"].includes(node.type)
  || node instanceof HTMLTextAreaElement || node instanceof HTMLSelectElement || node.isContentEditable;

function listKeys(root) {
  const before = document.activeElement;
  const box = document.createElement("dialog");
  box.className = "lfads lfads-keys";
  box.setAttribute("aria-label", "Keys");
  const table = document.createElement("table");
  for (const [key, what] of KEYS) {
    const row = table.insertRow();
    const head = document.createElement("th");
    head.scope = "row";
    head.textContent = key;
    row.append(head);
    row.insertCell().textContent = what;
  }
  const close = document.createElement("button");
  close.className = "lf-button";
  close.textContent = "Close";
  close.onclick = () => box.close();
  box.append(table, close);
  box.onclose = () => { box.remove(); before?.focus?.(); };
  root.append(box);
  box.showModal();
}

// What a plain key does anywhere in the whole bench, unless something is being typed.
function onKey(event, root) {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return false;
  if (event.key === "?") listKeys(root);
  else if (event.key === "/") {
    const box = [...root.querySelectorAll("input[type=search]")].find((each) => each.offsetParent);
    if (!box) return false;
    box.focus();
  } else {
    const tabs = root.querySelectorAll(":scope > .widget-tab > .lm-TabBar .lm-TabBar-tab");
    const tab = /^[1-9]$/.test(event.key) ? tabs[Number(event.key) - 1] : undefined;
    if (!tab) return false;
    const at = { bubbles: true, button: 0, clientX: 0, clientY: 0 };
    const place = tab.getBoundingClientRect();
    at.clientX = place.x + place.width / 2;
    at.clientY = place.y + place.height / 2;
    tab.dispatchEvent(new PointerEvent("pointerdown", at));
    tab.dispatchEvent(new PointerEvent("pointerup", at));
    tab.focus();
  }
  event.preventDefault();
  return true;
}

function render({ model, el }) {
  el.style.display = "none";
  const stopNaming = keepNaming(); // viewers are made long after the frame
  const stopSending = keepOrder(model.widget_manager);
  // JupyterLab looks at the attribute while it handles the same event, after this.
  const guard = (event) => {
    const root = el.closest(ROOTS);
    if (!root || !root.contains(event.target)) return;
    const typed = !(event.ctrlKey || event.metaKey || event.altKey) || event.key === "Enter";
    event.target.toggleAttribute("data-lm-suppress-shortcuts", typed);
    const bench = el.closest(".lfads-root");
    if (bench && el.parentElement === bench && !document.querySelector("dialog.lfads-keys"))
      onKey(event, bench);
  };
  window.addEventListener("keydown", guard, true);
  // Enter in a text box does what the button of its form does; what was typed is sent first.
  const submit = (event) => {
    const box = event.target;
    if (event.key !== "Enter" || event.isComposing || event.lfadsDone) return;
    if (!(box instanceof HTMLInputElement) || box.type !== "text") return;
    const act = box.closest(".lfads-form")?.querySelector("button.mod-primary:enabled");
    if (!act) return;
    event.lfadsDone = true;  // a page has many frames
    box.blur();
    act.click();
  };
  // Before ipywidgets, whose text boxes keep keys to themselves.
  window.addEventListener("keydown", submit, true);
  // The outermost says it, once: a panel inside the whole bench leaves it to the bench.
  const watch = new MutationObserver(() => look());
  const look = () => {
    let root = el.closest(ROOTS);
    for (let up = root; up; up = up.parentElement?.closest(ROOTS)) root = up;
    if (!root) return;
    if (root.classList.contains(LOST)) sayLost(root);
    else watch.observe(root, { attributes: true, attributeFilter: ["class"] });
  };
  // Told of this widget when the kernel leaves; the others lose theirs in the same moment.
  model.on("comm_live_update", look);
  return () => {
    window.removeEventListener("keydown", guard, true);
    window.removeEventListener("keydown", submit, true);
    model.off("comm_live_update", look);
    watch.disconnect();
    stopNaming();
    stopSending();
  };
}
export default { render };
