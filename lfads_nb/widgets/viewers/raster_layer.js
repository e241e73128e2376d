// Draws bundles of lines, or an image, on a canvas that lies under a transparent bqplot figure and
// follows its scales. Cost is one path per line from one binary buffer; while the user pans, the
// last picture is moved instead of drawn anew.

const MISSING = "IPY_MODEL_";

function floats(view) {
  if (!view || !view.byteLength) return new Float32Array(0);
  return new Float32Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
}

function shorts(view) {
  if (!view || !view.byteLength) return new Uint16Array(0);
  return new Uint16Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
}

function bytes(view) {
  if (!view || !view.byteLength) return new Uint8Array(0);
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

async function scaleModel(model, name) {
  const reference = model.get(name);
  return typeof reference === "string"
    ? model.widget_manager.get_model(reference.slice(MISSING.length))
    : reference;
}

// Colours may name a CSS variable of the theme; a canvas wants the value.
function resolved(colour, el) {
  const match = /^var\((--[\w-]+)(?:,\s*([^)]+))?\)$/.exec(colour);
  if (!match) return colour;
  return getComputedStyle(el).getPropertyValue(match[1]).trim() || match[2] || "#888";
}

class Picture {
  constructor(model, el, canvas, scales) {
    Object.assign(this, { model, el, canvas, scales });
    this.readData();
  }

  readData() {
    const get = (name) => this.model.get(name);
    this.x = floats(get("x"));
    this.y = floats(get("y"));
    this.group = shorts(get("group"));
    this.nLines = get("n_lines");
    this.nBins = get("n_bins");
    this.sharedX = this.x.length === this.nBins && !(this.nBins === 1 && this.nLines > 1);
    this.bandLow = floats(get("band_low"));
    this.bandHigh = floats(get("band_high"));
    this.bandGroup = shorts(get("band_group"));
    this.image = shorts(get("image"));
    this.bitmap = null;
  }

  limits() {
    const { x, y } = this.scales;
    return [x.get("min"), x.get("max"), y.get("min"), y.get("max")];
  }

  colours() {
    return this.model.get("colours").map((colour) => resolved(colour, this.el));
  }

  // Bins of a shared time axis that are in view, one more on either side.
  binsInView(x0, x1) {
    if (!this.sharedX || !this.nBins) return [0, this.nBins];
    let first = 0;
    let last = this.nBins;
    while (first < this.nBins - 1 && this.x[first + 1] < x0) first++;
    while (last > first + 1 && this.x[last - 2] > x1) last--;
    return [first, last];
  }

  draw(context, width, height) {
    const [x0, x1, y0, y1] = this.limits();
    if (x0 === null || y0 === null || x1 === x0 || y1 === y0) return;
    const place = { x0, y1, sx: width / (x1 - x0), sy: height / (y1 - y0) };
    context.lineJoin = "round";
    if (this.image.length) this.drawImage(context, place);
    const inView = this.binsInView(x0, x1);
    const below = this.model.get("bands_below");
    this.drawBands(context, place, inView, 0, below);
    if (this.nLines) this.drawLines(context, place, inView);
    this.drawBands(context, place, inView, below, this.bandGroup.length);
  }

  drawBands(context, { x0, y1, sx, sy }, [first, last], from, to) {
    const colours = this.colours();
    context.globalAlpha = this.model.get("band_alpha");
    for (let band = from; band < to; band++) {
      const at = band * this.nBins;
      const px = (bin) => (this.x[bin] - x0) * sx;
      context.fillStyle = colours[this.bandGroup[band]] || "#888";
      context.beginPath();
      for (let bin = first; bin < last; bin++) {
        const value = this.bandHigh[at + bin];
        if (value === value) context.lineTo(px(bin), (y1 - value) * sy);
      }
      for (let bin = last - 1; bin >= first; bin--) {
        const value = this.bandLow[at + bin];
        if (value === value) context.lineTo(px(bin), (y1 - value) * sy);
      }
      context.fill();
    }
    context.globalAlpha = 1;
  }

  drawLines(context, place, [first, last]) {
    const colours = this.colours();
    const lit = new Set(this.model.get("highlight"));
    const alpha = this.model.get("alpha");
    const width = this.model.get("line_width");
    for (const pass of lit.size ? [false, true] : [false]) {
      context.globalAlpha = pass ? 1 : lit.size ? alpha * 0.4 : alpha;
      context.lineWidth = pass ? Math.max(2.5, width * 2) : width;
      const edge = pass ? resolved("var(--jp-content-font-color1, #222)", this.el) : null;
      let colour = null;
      for (let line = 0; line < this.nLines; line++) {
        if (lit.has(line) !== pass) continue;
        const wanted = colours[this.group[line]] || "#888";
        if (pass && lit.size <= 12) {
          // What is highlighted has an edge in the colour of the text.
          context.strokeStyle = edge;
          context.lineWidth += 2;
          if (this.isDots()) this.dot(context, place, line, 7);
          else this.trace(context, place, line, first, last);
          context.lineWidth -= 2;
        }
        if (pass || wanted !== colour) context.strokeStyle = colour = wanted;
        if (this.isDots()) this.dot(context, place, line, pass ? 5.5 : 3.5);
        else this.trace(context, place, line, first, last);
      }
    }
    context.globalAlpha = 1;
  }

  // Lines of a single bin are dots, each with its own x.
  isDots() {
    return this.nBins === 1;
  }

  dot(context, { x0, y1, sx, sy }, line, radius) {
    const x = this.x[this.sharedX ? 0 : line];
    context.fillStyle = context.strokeStyle;
    context.beginPath();
    context.arc((x - x0) * sx, (y1 - this.y[line]) * sy, radius, 0, 2 * Math.PI);
    context.fill();
  }

  trace(context, { x0, y1, sx, sy }, line, first, last) {
    const at = line * this.nBins;
    const xAt = this.sharedX ? 0 : at;
    let open = false;
    context.beginPath();
    for (let bin = first; bin < last; bin++) {
      const value = this.y[at + bin];
      if (value !== value) {
        open = false;
        continue;
      }
      const px = (this.x[xAt + bin] - x0) * sx;
      const py = (y1 - value) * sy;
      if (open) context.lineTo(px, py);
      else context.moveTo(px, py);
      open = true;
    }
    context.stroke();
  }

  // One number a pixel, an index into `image_colours` (RGBA); row 0 lies at the top.
  imageBitmap() {
    if (this.bitmap) return this.bitmap;
    const [rows, columns] = this.model.get("image_shape");
    const table = bytes(this.model.get("image_colours"));
    this.bitmap = new OffscreenCanvas(columns, rows);
    const pixels = new ImageData(columns, rows);
    for (let i = 0; i < rows * columns; i++) {
      const entry = 4 * this.image[i];
      for (let channel = 0; channel < 4; channel++) {
        pixels.data[4 * i + channel] = table[entry + channel];
      }
    }
    this.bitmap.getContext("2d").putImageData(pixels, 0, 0);
    return this.bitmap;
  }

  drawImage(context, { x0, y1, sx, sy }) {
    const [left, right, bottom, top] = this.model.get("image_extent");
    context.imageSmoothingEnabled = false;
    context.drawImage(
      this.imageBitmap(),
      (left - x0) * sx,
      (y1 - top) * sy,
      (right - left) * sx,
      (top - bottom) * sy,
    );
  }

  // The line nearest to a point of the picture, if it is within `reach` pixels.
  nearest(px, py, width, height, reach = 8) {
    const [x0, x1, y0, y1] = this.limits();
    const sx = width / (x1 - x0);
    const sy = height / (y1 - y0);
    const [first, last] = this.binsInView(x0, x1);
    let best = -1;
    let bestSquare = reach * reach;
    for (let line = 0; line < this.nLines; line++) {
      const at = line * this.nBins;
      const xAt = this.sharedX ? 0 : at;
      for (let bin = first; bin < Math.max(last - 1, first + 1); bin++) {
        const next = this.isDots() ? bin : bin + 1;
        const ax = (this.x[xAt + bin] - x0) * sx - px;
        const bx = (this.x[xAt + next] - x0) * sx - px;
        if (this.sharedX && (ax > reach || bx < -reach)) continue;
        const ay = (y1 - this.y[at + bin]) * sy - py;
        const by = (y1 - this.y[at + next]) * sy - py;
        const dx = bx - ax;
        const dy = by - ay;
        const along = Math.min(1, Math.max(0, -(ax * dx + ay * dy) / (dx * dx + dy * dy || 1)));
        const square = (ax + along * dx) ** 2 + (ay + along * dy) ** 2;
        if (square < bestSquare) [best, bestSquare] = [line, square];
      }
    }
    return best;
  }
}

const DATA = [
  "x", "y", "group", "n_lines", "n_bins", "band_low", "band_high", "band_group", "image",
  "image_shape", "image_colours",
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

  const describe = () => canvas.setAttribute("aria-label", model.get("description"));

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
    canvas.dataset.points = picture.nLines * picture.nBins;
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

  // What the figure's tools need to put this layer into a saved picture.
  canvas.lfadsPaint = (scale) => {
    const copy = document.createElement("canvas");
    copy.width = el.clientWidth * scale;
    copy.height = el.clientHeight * scale;
    const context = copy.getContext("2d");
    context.scale(scale, scale);
    picture.draw(context, el.clientWidth, el.clientHeight);
    return copy;
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
