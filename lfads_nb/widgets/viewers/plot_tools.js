// Buttons of one plot: pan and zoom, reset, save as PNG or SVG, show the code that makes it.

const PNG_PIXELS = 3; // per point of the screen

async function resolveModel(model, name) {
  const reference = model.get(name);
  return typeof reference === "string"
    ? model.widget_manager.get_model(reference.slice("IPY_MODEL_".length))
    : reference;
}

// The view of the figure that lies on the same stage as these tools.
async function figureView(model, el) {
  const figure = await resolveModel(model, "figure");
  const views = await Promise.all(Object.values(figure.views));
  const plot = el.closest(".lfads-plot");
  return views.find((view) => plot && plot.contains(view.el)) || views[0];
}

// Journals' columns; the figure is drawn at that size in pixels of 1/96 inch, so that its text and
// lines are as large as they are to be in print.
const SIZES = {
  "as shown": null,
  "1 column": { mm: 89, width: 336, height: 240 },
  "2 columns": { mm: 183, width: 692, height: 340 },
};
const LONGEST_WAIT_MS = 4000;

// Have the figure drawn at another size, take what `make` makes of it, and set it back.
async function atSize(view, size, make) {
  const stage = view.el.closest(".lfads-stage");
  if (!size || !stage) return make();
  const before = stage.getAttribute("style");
  const drawnAs = () => [view.width, view.height].map(Math.round).join();
  const wanted = [size.width, size.height].join();
  const end = performance.now() + LONGEST_WAIT_MS;
  const figureBefore = view.el.getAttribute("style");
  const place = { width: `${size.width}px`, height: `${size.height}px` };
  Object.assign(stage.style, place, { flex: "none" });
  Object.assign(view.el.style, place);
  try {
    while (drawnAs() !== wanted && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    return await make();
  } finally {
    stage.setAttribute("style", before || "");
    view.el.setAttribute("style", figureBefore || "");
  }
}

async function svgText(model, el, size) {
  const view = await figureView(model, el);
  return atSize(view, size, async () => {
    const text = await view.get_svg();
    const canvas = view.el.parentElement.querySelector(".lfads-raster canvas");
    const parsed = new DOMParser().parseFromString(text, "text/html").querySelector("svg");
    const background = parsed.querySelector(".plotarea_background");
    if (canvas && canvas.lfadsSvg && background) background.after(canvas.lfadsSvg());
    const style = getComputedStyle(el);
    const paper = style.getPropertyValue("--jp-layout-color0").trim() || "white";
    const ink = style.getPropertyValue("--jp-content-font-color1").trim() || "#222";
    const [width, height] = [view.el.clientWidth, view.el.clientHeight];
    const margin = view.model.get("fig_margin").bottom;
    const plot = el.closest(".lfads-plot");
    const whole = composed(parsed, { width, height, margin, plot, paper, ink });
    if (size) {
      const [, , wide, high] = whole.getAttribute("viewBox").split(" ").map(Number);
      whole.setAttribute("width", `${size.mm}mm`);
      whole.setAttribute("height", `${((size.mm * high) / wide).toFixed(2)}mm`);
    }
    return new XMLSerializer().serializeToString(whole);
  });
}

async function pngBlob(svg) {
  const image = new Image();
  const loaded = new Promise((resolve, reject) => {
    image.onload = resolve;
    image.onerror = () => reject(new Error("the browser could not draw the figure"));
  });
  image.src = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml;charset=utf-8" }));
  await loaded;
  const canvas = document.createElement("canvas");
  canvas.width = image.width * PNG_PIXELS;
  canvas.height = image.height * PNG_PIXELS;
  const context = canvas.getContext("2d");
  context.scale(PNG_PIXELS, PNG_PIXELS);
  const paper = /background:\s*([^;"]+)/.exec(svg);
  context.fillStyle = paper ? paper[1] : "white";
  context.fillRect(0, 0, image.width, image.height);
  context.drawImage(image, 0, 0);
  URL.revokeObjectURL(image.src);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

// Tools that do not fit beside the title would take a line of their own above the plot.
function foldWhereNarrow(el, tools) {
  let wide = 0;
  const watched = new Set();
  const look = () => {
    const head = el.parentElement;
    // The widget is put into its place, and others beside it, after it was made.
    for (const each of head ? [head, ...head.children] : []) {
      if (watched.has(each)) continue;
      watched.add(each);
      sizes.observe(each);
    }
    if (!head || !head.clientWidth) return;
    if (!el.hasAttribute("data-folded")) wide = Math.max(wide, tools.offsetWidth);
    const beside = [...head.children].filter((each) => each !== el);
    const taken = beside.reduce((sum, each) => sum + each.offsetWidth + 8, 0);
    el.toggleAttribute("data-folded", wide > 0 && taken + wide > head.clientWidth);
  };
  const sizes = new ResizeObserver(look);
  watched.add(el);
  sizes.observe(el);
  return () => sizes.disconnect();
}

function render({ model, el }) {
  el.classList.add("lfads-tools");
  const said = document.createElement("span");
  said.className = "lfads-said";
  said.setAttribute("role", "status");
  const code = document.createElement("pre");
  code.hidden = true;
  code.tabIndex = 0;
  const button = (text, title, onclick) => {
    const made = document.createElement("button");
    made.textContent = text;
    made.title = title;
    made.setAttribute("aria-label", title);
    made.onclick = onclick;
    return made;
  };
  const tell = (text) => {
    said.textContent = text;
    setTimeout(() => (said.textContent = ""), 3000);
  };
  const saving = (make, ending) => async () => {
    try {
      const name = `${model.get("file_name")}.${ending}`;
      download(await make(await svgText(model, el, SIZES[size.value])), name);
      tell(`saved ${name}`);
    } catch (error) {
      tell(`not saved: ${error.message}`);
    }
  };
  const size = document.createElement("select");
  size.title = "width of pictures that are saved: as shown, or of a journal's column (89, 183 mm)";
  size.setAttribute("aria-label", size.title);
  size.append(...Object.keys(SIZES).map((text) => new Option(text)));
  const pan = button("pan/zoom", "drag to pan, wheel to zoom", () => {
    model.set("panning", !model.get("panning"));
    model.save_changes();
  });
  const pressed = () => pan.setAttribute("aria-pressed", model.get("panning"));
  const showCode = button("</>", "show the code that makes this picture", async () => {
    code.hidden = !code.hidden;
    showCode.setAttribute("aria-pressed", !code.hidden);
    if (code.hidden) return;
    try {
      await navigator.clipboard.writeText(model.get("code"));
      tell("copied");
    } catch {
      tell("");
    }
  });
  const fill = () => (code.textContent = model.get("code"));
  const tools = document.createElement("div");
  tools.className = "lfads-all-tools";
  tools.append(
    pan,
    button("reset", "show everything again", () => model.send({ event: "reset" })),
    size,
    button("PNG", "save as PNG", saving(pngBlob, "png")),
    button("SVG", "save as SVG", saving(async (svg) => new Blob([svg], { type: "image/svg+xml" }), "svg")),
    showCode,
  );
  const unfold = button("⋯", "tools: pan and zoom, save, code", () => {
    unfold.setAttribute("aria-expanded", tools.toggleAttribute("data-open"));
  });
  unfold.className = "lfads-unfold";
  el.append(said, unfold, tools, code);
  const stopFolding = foldWhereNarrow(el, tools);
  model.on("change:panning", pressed);
  model.on("change:code", fill);
  pressed();
  fill();
  return stopFolding;
}

export default { render };
