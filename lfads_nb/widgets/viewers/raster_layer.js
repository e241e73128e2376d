// A canvas under a transparent bqplot figure that follows the figure's scales. While the user pans,
// the last picture is moved instead of drawn anew.

const MISSING = "IPY_MODEL_";
const MOST_POINTS_OF_SVG = 200000;
const SVG_PIXELS = 3; // per point of the screen, beyond that

async function scaleModel(model, name) {
  const reference = model.get(name);
  return typeof reference === "string"
    ? model.widget_manager.get_model(reference.slice(MISSING.length))
    : reference;
}

const DATA = [
  "x", "y", "group", "n_lines", "n_bins", "band_low", "band_high", "band_group", "image",
  "image_shape", "image_colours", "curves", "dots", "dots_look",
];
const STYLE = ["colours", "highlight", "alpha", "band_alpha", "line_width", "image_extent"];

async function render({ model, el }) {
  el.classList.add("lfads-raster");
  const canvas = document.createElement("canvas");
  canvas.setAttribute("role", "img");
  el.appendChild(canvas);
  const scales = { x: await scaleModel(model, "x_scale"), y: await scaleModel(model, "y_scale") };
  const picture = new Picture(model, el, canvas, scales);
  let drawn = null; // limits of the picture on screen, a copy of it, and what it cost
  let frame = 0;
  let settle = 0;

  const describe = () => canvas.setAttribute("aria-label", model.get("description") || "Plot; the words above it say of what");

  // JupyterLab hides everything for a moment when its theme changes, and then no size changes.
  function isHidden() {
    if (el.clientWidth && el.clientHeight) return false;
    clearTimeout(settle);
    settle = setTimeout(() => el.clientWidth && later(), 200);
    return true;
  }

  function fit() {
    const ratio = window.devicePixelRatio || 1;
    const width = Math.max(1, Math.round(el.clientWidth * ratio));
    const height = Math.max(1, Math.round(el.clientHeight * ratio));
    if (canvas.width === width && canvas.height === height) return;
    Object.assign(canvas, { width, height });
    drawn = null;
  }

  function redraw() {
    frame = 0;
    if (isHidden()) return;
    fit();
    const began = performance.now();
    const context = canvas.getContext("2d");
    const ratio = window.devicePixelRatio || 1;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, el.clientWidth, el.clientHeight);
    picture.draw(context, el.clientWidth, el.clientHeight);
    drawn = { limits: picture.limits(), cost: performance.now() - began, copy: null };
    canvas.dataset.lines = picture.nLines;
    canvas.dataset.points = picture.nPoints;
    canvas.dataset.dots = picture.dots.length / 2;
    canvas.dataset.drawMs = drawn.cost.toFixed(1);
    canvas.dataset.limits = JSON.stringify(drawn.limits);
    canvas.dataset.highlight = JSON.stringify(model.get("highlight"));
    canvas.dataset.draws = Number(canvas.dataset.draws || 0) + 1;
  }

  function move() {
    frame = 0;
    if (!drawn.copy) {
      drawn.copy = new OffscreenCanvas(canvas.width, canvas.height);
      drawn.copy.getContext("2d").drawImage(canvas, 0, 0);
    }
    const [ox0, ox1, oy0, oy1] = drawn.limits;
    const [x0, x1, y0, y1] = picture.limits();
    const context = canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.drawImage(
      drawn.copy,
      ((ox0 - x0) / (x1 - x0)) * canvas.width,
      ((y1 - oy1) / (y1 - y0)) * canvas.height,
      ((ox1 - ox0) / (x1 - x0)) * canvas.width,
      ((oy1 - oy0) / (y1 - y0)) * canvas.height,
    );
  }

  function later() {
    if (!frame) frame = requestAnimationFrame(redraw);
  }

  function onScales() {
    if (!drawn || drawn.cost < 12) return later();
    if (!frame) frame = requestAnimationFrame(move);
    clearTimeout(settle);
    settle = setTimeout(later, 120);
  }

  function onData() {
    picture.readData();
    if (drawn) drawn.copy = null;
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(redraw);
  }

  for (const name of DATA) model.on(`change:${name}`, onData);
  for (const name of STYLE) model.on(`change:${name}`, later);
  model.on("change:description", describe);
  for (const scale of Object.values(scales)) scale.on("change:min change:max", onScales);
  const sizes = new ResizeObserver(later);
  sizes.observe(el);
  const theme = new MutationObserver(later);
  theme.observe(document.body, { attributeFilter: ["data-jp-theme-name", "class"] });
  describe();

  // Clicking picks the nearest line, hovering names it. The figure above takes the mouse, so the
  // stage that holds both listens.
  let pressed = null;
  const within = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top, box.width, box.height];
  };
  const down = (event) => (pressed = [event.clientX, event.clientY]);
  const click = (event) => {
    if (!model.get("pickable") || event.button !== 0) return;
    if (pressed && Math.hypot(event.clientX - pressed[0], event.clientY - pressed[1]) > 4) return;
    const [px, py, width, height] = within(event);
    if (px < 0 || py < 0 || px > width || py > height) return;
    const line = picture.nearest(px, py, width, height);
    const extend = event.shiftKey || event.ctrlKey || event.metaKey;
    const [x0, x1, y0, y1] = picture.limits();
    const x = x0 + (px / width) * (x1 - x0);
    const y = y1 - (py / height) * (y1 - y0);
    model.send({ event: "pick", line, extend, x, y });
  };
  let hoverTimer = 0;
  const hover = (event) => {
    clearTimeout(hoverTimer);
    hoverTimer = setTimeout(() => {
      const names = model.get("names");
      if (!names.length || event.buttons) return;
      const [px, py, width, height] = within(event);
      const line = picture.nearest(px, py, width, height, 5);
      if (stage) stage.title = line < 0 ? "" : names[line];
    }, 60);
  };
  let stage = null;
  const attached = new IntersectionObserver(() => {
    if (stage) return;
    stage = el.closest(".lfads-stage");
    if (!stage) return;
    stage.addEventListener("pointerdown", down, true);
    stage.addEventListener("click", click);
    stage.addEventListener("mousemove", hover);
    later();
  });
  attached.observe(el);

  // What the figure's tools put into a saved picture: paths, unless they are too many for a file
  // that is still to be opened in a drawing program.
  canvas.lfadsSvg = () => {
    const [width, height] = [el.clientWidth, el.clientHeight];
    const svg = new SvgContext();
    if (picture.nPoints <= MOST_POINTS_OF_SVG) {
      picture.draw(svg, width, height);
      return svg.group(width, height);
    }
    const copy = document.createElement("canvas");
    copy.width = width * SVG_PIXELS;
    copy.height = height * SVG_PIXELS;
    const context = copy.getContext("2d");
    context.scale(SVG_PIXELS, SVG_PIXELS);
    picture.draw(context, width, height);
    svg.drawImage(copy, 0, 0, width, height);
    return svg.group(width, height);
  };

  return () => {
    cancelAnimationFrame(frame);
    clearTimeout(settle);
    clearTimeout(hoverTimer);
    sizes.disconnect();
    theme.disconnect();
    attached.disconnect();
    for (const name of DATA) model.off(`change:${name}`, onData);
    for (const name of STYLE) model.off(`change:${name}`, later);
    model.off("change:description", describe);
    for (const scale of Object.values(scales)) scale.off("change:min change:max", onScales);
    if (stage) {
      stage.removeEventListener("pointerdown", down, true);
      stage.removeEventListener("click", click);
      stage.removeEventListener("mousemove", hover);
    }
  };
}

export default { render };
