// What a layer shows, drawn in the figure's coordinates on anything that draws like a canvas.

class Picture {
  constructor(model, el, canvas, scales) {
    Object.assign(this, { model, el, canvas, scales });
    this.readData();
  }

  get nPoints() {
    return this.curves.reduce((sum, { y }) => sum + y.length, this.y.length);
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
    this.dots = floats(get("dots"));
    this.dotsLook = shorts(get("dots_look"));
    this.curves = get("curves").map((set) => ({ ...set, x: floats(set.x), y: floats(set.y) }));
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
    context.lineJoin = "bevel"; // round ones take a third longer
    if (this.image.length) this.drawImage(context, place);
    const inView = this.binsInView(x0, x1);
    const below = this.model.get("bands_below");
    this.drawBands(context, place, inView, 0, below);
    const lit = new Set(this.model.get("highlight"));
    if (this.nLines) this.drawLines(context, place, inView, lit, false);
    this.drawBands(context, place, inView, below, this.bandGroup.length);
    for (const set of this.curves) this.drawCurves(context, place, set);
    if (this.nLines && lit.size) this.drawLines(context, place, inView, lit, true);
    this.drawDots(context, place);
  }

  // Marks of events: a circle, square or triangle for each, with an edge that shows on its line.
  drawDots(context, { x0, y1, sx, sy }) {
    if (!this.dots.length) return;
    const colours = this.colours();
    const ink = resolved("var(--jp-content-font-color1, #222)", this.el);
    const paper = resolved("var(--jp-layout-color0, #fff)", this.el);
    context.setLineDash([]);
    for (let i = 0; i < this.dots.length / 2; i++) {
      const [group, shape, radius] = this.dotsLook.subarray(3 * i, 3 * i + 3);
      const colour = colours[group] || ink;
      markShape(context, (this.dots[2 * i] - x0) * sx, (y1 - this.dots[2 * i + 1]) * sy, shape, radius);
      context.fillStyle = colour;
      context.fill();
      context.strokeStyle = radius > 3 ? ink : paper;
      context.lineWidth = radius > 3 ? 1.4 : 0.7;
      context.stroke();
    }
  }

  // A few curves that stand out, each with a halo in the colour of the paper.
  drawCurves(context, { x0, y1, sx, sy }, { x, y, n_bins, colours, width, halo, dash, opacity }) {
    const paper = resolved("var(--jp-layout-color0, #fff)", this.el);
    context.globalAlpha = opacity;
    for (let at = 0, curve = 0; at < y.length; at += n_bins, curve++) {
      const xAt = x.length === n_bins ? 0 : at;
      for (const isHalo of halo === null ? [false] : [true, false]) {
        context.lineWidth = isHalo ? width + halo : width;
        context.strokeStyle = isHalo ? paper : resolved(colours[curve], this.el);
        context.setLineDash(isHalo ? [] : dash);
        this.tracePath(context, x, xAt, y, at, n_bins, x0, y1, sx, sy);
      }
    }
    context.setLineDash([]);
    context.globalAlpha = 1;
  }

  tracePath(context, x, xAt, y, at, nBins, x0, y1, sx, sy) {
    let open = false;
    context.beginPath();
    for (let bin = 0; bin < nBins; bin++) {
      const value = y[at + bin];
      if (value !== value) {
        open = false;
        continue;
      }
      const px = (x[xAt + bin] - x0) * sx;
      const py = (y1 - value) * sy;
      if (open) context.lineTo(px, py);
      else context.moveTo(px, py);
      open = true;
    }
    context.stroke();
  }

  drawBands(context, { x0, y1, sx, sy }, [first, last], from, to) {
    const colours = this.colours();
    context.globalAlpha = this.model.get("band_alpha");
    for (let band = from; band < to; band++) {
      const at = band * this.nBins;
      const xAt = this.sharedX ? 0 : at; // else a band lies over the line of its place
      const px = (bin) => (this.x[xAt + bin] - x0) * sx;
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

  drawLines(context, place, [first, last], lit, isLit) {
    const colours = this.colours();
    const alpha = this.model.get("alpha");
    const width = this.model.get("line_width");
    // A few that are highlighted have an edge in the colour of the text.
    const hasEdge = isLit && lit.size <= 12;
    const edge = hasEdge ? resolved("var(--jp-content-font-color1, #222)", this.el) : null;
    const one = (line, radius) => {
      if (this.isDots()) this.dot(context, place, line, radius);
      else this.trace(context, place, line, first, last);
    };
    context.globalAlpha = isLit ? 1 : lit.size ? alpha * 0.4 : alpha;
    context.lineWidth = isLit ? Math.max(2.5, width * 2) : width;
    let colour = null;
    for (let line = 0; line < this.nLines; line++) {
      if (lit.has(line) !== isLit) continue;
      const wanted = colours[this.group[line]] || "#888";
      if (hasEdge) {
        context.strokeStyle = edge;
        context.lineWidth += 2;
        one(line, 7);
        context.lineWidth -= 2;
      }
      if (hasEdge || wanted !== colour) context.strokeStyle = colour = wanted;
      one(line, isLit ? 5.5 : 3.5);
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
    const at = line * this.nBins + first;
    const xAt = this.sharedX ? first : at;
    this.tracePath(context, this.x, xAt, this.y, at, last - first, x0, y1, sx, sy);
  }

  // One number a pixel, an index into `image_colours` (RGBA); row 0 lies at the top.
  imageBitmap() {
    if (this.bitmap) return this.bitmap;
    const [rows, columns] = this.model.get("image_shape");
    const table = words(this.model.get("image_colours"));
    this.bitmap = document.createElement("canvas");
    this.bitmap.width = columns;
    this.bitmap.height = rows;
    const pixels = new ImageData(columns, rows);
    const colours = new Uint32Array(pixels.data.buffer);
    for (let i = 0; i < rows * columns; i++) colours[i] = table[this.image[i]];
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
