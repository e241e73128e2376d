// The conditions with their colours; a click toggles one, a double click leaves it alone.

function render({ model, el }) {
  el.classList.add("lfads-legend");
  const head = document.createElement("div");
  head.className = "lfads-legend-head";
  const title = document.createElement("b");
  const count = document.createElement("span");
  const all = document.createElement("button");
  const none = document.createElement("button");
  for (const [button, text] of [[all, "all"], [none, "none"]]) {
    button.className = "lfads-all";
    button.textContent = text;
    button.setAttribute("aria-label", `show ${text}`);
  }
  head.append(title, count, all, none);
  const list = document.createElement("div");
  list.className = "lfads-legend-list";
  el.append(head, list);

  function set(shown) {
    model.set("shown", shown);
    model.save_changes();
  }

  function build() {
    const [labels, colours, sizes] = ["labels", "colours", "sizes"].map((n) => model.get(n));
    title.textContent = model.get("title");
    list.replaceChildren(
      ...labels.map((label, i) => {
        const button = document.createElement("button");
        const swatch = document.createElement("i");
        const text = document.createElement("span");
        const n = document.createElement("span");
        swatch.style.background = swatch.style.borderColor = colours[i];
        text.textContent = label;
        n.className = "n";
        n.textContent = sizes[i] ?? "";
        button.append(swatch, text, n);
        button.setAttribute("role", "checkbox");
        button.title = `${label}: ${sizes[i]} trials. Double click shows it alone.`;
        button.onclick = (event) => {
          if (event.detail > 1) return;
          set(model.get("shown").map((on, j) => (j === i ? !on : on)));
        };
        button.ondblclick = () => set(labels.map((_, j) => j === i));
        return button;
      }),
    );
    update();
  }

  function update() {
    const shown = model.get("shown");
    const on = shown.filter(Boolean).length;
    count.textContent = on === shown.length ? `all ${on}` : `${on} of ${shown.length}`;
    [...list.children].forEach((button, i) => button.setAttribute("aria-checked", !!shown[i]));
  }

  all.onclick = () => set(model.get("labels").map(() => true));
  none.onclick = () => set(model.get("labels").map(() => false));
  model.on("change:labels change:colours change:sizes change:title", build);
  model.on("change:shown", update);
  build();
  return keepNaming(); // viewers are shown without the bench too
}

export default { render };
