// Lines in three dimensions, seen from any side, drawn on anything that draws like a canvas.
//
// Coordinates lie within a box of -1 to 1. The third axis points up; a turn goes about it.

const POINTS_WHILE_MOVING = 30000;
const MOST_MARKED = 600; // trials with a mark each
const ROUNDED_POINTS = 60000; // of single trials; more are joined by straight lines
const MOST_PITCH = Math.PI / 2;

class SpaceScene {
  constructor(model, el) {
    Object.assign(this, { model, el, names: [] });
    this.readData();
  }

  readData() {
    const get = (name) => this.model.get(name);
    this.sets = ["trials", "averages", "others"].map((name) => ({
      kind: name, points: floats(get(name)), group: shorts(get(`${name}_group`)),
    }));
    this.nBins = get("n_bins");
    this.trialEvents = wholes(get("trial_events"));
    this.averageEvents = wholes(get("average_events"));
    for (const set of this.sets) set.n = this.nBins ? set.points.length / (3 * this.nBins) : 0;
    this.reach = this.farthest();
    this.screen = null; // where averages lie on the screen, for hovering
  }

  get nPoints() {
    return this.sets.reduce((sum, set) => sum + set.n * this.nBins, 0);
  }

  // How far from the middle the averages lie, and nearly all trials: nothing of it is cut off,
  // whichever way it is turned.
  farthest() {
    const [trials, ...curves] = this.sets.map(({ points }) => {
      const stride = 3 * Math.max(1, Math.floor(points.length / 60000));
      let most = 0;
      for (let at = 0; at < points.length; at += stride) {
        const square = points[at] ** 2 + points[at + 1] ** 2 + points[at + 2] ** 2;
        if (square > most) most = square;
      }
      return Math.sqrt(most);
    });
    const averages = Math.max(...curves);
    return Math.max(averages ? Math.max(averages, Math.min(trials, 1.1 * averages)) : trials, 0.4);
  }

  // Screen coordinates of a point are rows of this matrix times it; the third is the depth.
  view(width, height) {
    const [yaw, pitch] = [this.model.get("yaw"), this.model.get("pitch")];
    const scale = (0.47 / this.reach) * Math.min(width, height) * this.model.get("zoom");
    const [cy, sy, cp, sp] = [Math.cos(yaw), Math.sin(yaw), Math.cos(pitch), Math.sin(pitch)];
    return {
      x: [cy * scale, -sy * scale, 0],
      y: [sy * sp * scale, cy * sp * scale, -cp * scale],
      depth: [-sy * cp, -cy * cp, -sp],
      left: width / 2, top: height / 2,
    };
  }

  static at(view, x, y, z) {
    return [
      view.left + view.x[0] * x + view.x[1] * y,
      view.top + view.y[0] * x + view.y[1] * y + view.y[2] * z,
    ];
  }

  paper() {
    return resolved("var(--jp-layout-color0, #fff)", this.el);
  }

  ink() {
    return resolved("var(--jp-content-font-color2, #666)", this.el);
  }

  // Everything, or while it moves as much of the trials as can be drawn in time.
  draw(context, width, height, { moving = false } = {}) {
    const view = this.view(width, height);
    const [trials, averages, others] = this.sets;
    const colours = this.model.get("colours").map((colour) => resolved(colour, this.el));
    const last = this.lastBin();
    context.lineJoin = "round";
    this.drawAxes(context, view);
    if (this.model.get("show_trials")) this.drawTrials(context, view, trials, colours, last, moving);
    if (this.model.get("show_trials") && !moving && trials.n <= MOST_MARKED)
      this.drawEvents(context, view, trials, this.trialEvents, colours, last, 2);
    this.drawCurves(context, view, others, colours, last, { width: 1.6, dash: [5, 4] });
    if (this.model.get("show_averages")) {
      this.drawCurves(context, view, averages, colours, last, { width: 2.2, halo: 2 });
      this.drawDots(context, view, averages, colours, 0, 4.5);
      const zero = this.model.get("zero_bin");
      if (zero > 0 && zero <= last) this.drawDots(context, view, averages, colours, zero, 4.5, true);
      this.drawEvents(context, view, averages, this.averageEvents, colours, last, 6);
      if (this.model.get("cursor") >= 0) this.drawDots(context, view, averages, colours, last, 6);
    }
    this.keepScreen(view, averages, last);
  }

  lastBin() {
    const cursor = this.model.get("cursor");
    return cursor < 0 ? this.nBins - 1 : Math.min(cursor, this.nBins - 1);
  }

  drawAxes(context, view) {
    context.globalAlpha = 0.55;
    context.lineWidth = 1;
    context.strokeStyle = context.fillStyle = this.ink();
    context.setLineDash([]);
    const ends = [[1, 0, 0], [0, 1, 0], [0, 0, 1]];
    const names = this.model.get("axes");
    ends.forEach((end, i) => {
      context.beginPath();
      context.moveTo(...SpaceScene.at(view, ...end.map((v) => -0.74 * v)));
      context.lineTo(...SpaceScene.at(view, ...end.map((v) => 0.74 * v)));
      context.stroke();
      const [x, y] = SpaceScene.at(view, ...end.map((v) => 0.8 * v));
      context.globalAlpha = 1;
      context.font = "12px sans-serif";
      context.textAlign = "center";
      context.fillText(names[i] || "", x, y + 4);
      context.globalAlpha = 0.55;
    });
  }

  drawTrials(context, view, { points, group, n }, colours, last, moving) {
    if (!n) return;
    const picked = new Set(this.model.get("highlight"));
    const most = moving ? POINTS_WHILE_MOVING : Infinity;
    // Fewer bins first, down to some forty a line, then fewer lines.
    const stride = Math.max(1, Math.min(Math.floor((last + 1) / 40), Math.ceil((n * last) / most)));
    const skip = Math.max(1, Math.ceil((n * (last / stride)) / most));
    const rounded = !moving && n * last <= ROUNDED_POINTS;
    context.setLineDash([]);
    context.lineWidth = 0.8;
    const alpha = this.model.get("alpha") * Math.min(1.6, Math.sqrt(skip));
    for (let colour = 0; colour < colours.length; colour++) {
      context.globalAlpha = picked.size ? alpha * 0.35 : Math.min(alpha, 1);
      context.strokeStyle = colours[colour];
      context.beginPath();
      for (let line = 0; line < n; line += skip) {
        if (group[line] === colour) this.trace(context, view, points, line, last, stride, rounded);
      }
      context.stroke();
    }
    context.globalAlpha = 1;
    context.lineWidth = 2;
    for (const line of picked) {
      if (line >= n) continue;
      context.strokeStyle = colours[group[line]];
      context.beginPath();
      this.trace(context, view, points, line, last, 1);
      context.stroke();
    }
  }

  // A line through every so many bins; rounded, it is a Catmull-Rom curve through the same points.
  trace(context, view, points, line, last, stride, rounded = true) {
    const first = 3 * line * this.nBins;
    const [a, b] = view.x;
    const [c, d, e] = view.y;
    let px = NaN, py = NaN; // the point before
    let sx = 0, sy = 0; // a sixth of the curve's slope there
    const place = (bin) => {
      const at = first + 3 * bin;
      const [x, y, z] = [points[at], points[at + 1], points[at + 2]];
      return [view.left + a * x + b * y, view.top + c * x + d * y + e * z];
    };
    const after = (bin) => Math.min(bin + stride, last);
    let [x, y] = place(0);
    for (let bin = 0; bin <= last; bin = bin < last ? after(bin) : last + 1) {
      const [nx, ny] = bin < last ? place(after(bin)) : [NaN, NaN];
      const isOpen = px === px, goesOn = nx === nx;
      if (x === x) {
        const [tx, ty] = isOpen && goesOn ? [(nx - px) / 6, (ny - py) / 6] : [0, 0];
        if (!isOpen) context.moveTo(x, y);
        else if (rounded) context.bezierCurveTo(px + sx, py + sy, x - tx, y - ty, x, y);
        else context.lineTo(x, y);
        [sx, sy] = [tx, ty];
      }
      [px, py, x, y] = [x, y, nx, ny];
    }
  }

  // A few curves, the farthest first, each with a halo in the colour of the paper.
  drawCurves(context, view, set, colours, last, { width, halo = 0, dash = [] }) {
    context.globalAlpha = 1;
    for (const line of this.byDepth(view, set)) {
      for (const isHalo of halo ? [true, false] : [false]) {
        context.lineWidth = isHalo ? width + halo : width;
        context.strokeStyle = isHalo ? this.paper() : colours[set.group[line]];
        context.setLineDash(isHalo ? [] : dash);
        context.beginPath();
        this.trace(context, view, set.points, line, last, 1);
        context.stroke();
      }
    }
    context.setLineDash([]);
  }

  byDepth(view, { points, n }) {
    const depths = Array.from({ length: n }, (_, line) => {
      const at = 3 * (line * this.nBins + Math.floor(this.nBins / 2));
      const depth = [0, 1, 2].reduce((sum, i) => sum + view.depth[i] * points[at + i], 0);
      return [depth === depth ? depth : 0, line];
    });
    return depths.sort((one, other) => one[0] - other[0]).map((each) => each[1]);
  }

  drawDots(context, view, { points, group, n }, colours, bin, radius, hollow = false) {
    context.setLineDash([]);
    for (let line = 0; line < n; line++) {
      const at = 3 * (line * this.nBins + bin);
      if (points[at] !== points[at]) continue;
      const [x, y] = SpaceScene.at(view, points[at], points[at + 1], points[at + 2]);
      context.beginPath();
      context.arc(x, y, radius, 0, 2 * Math.PI);
      context.fillStyle = hollow ? this.paper() : colours[group[line]];
      context.fill();
      context.strokeStyle = hollow ? colours[group[line]] : this.paper();
      context.lineWidth = hollow ? 2 : 1;
      context.stroke();
    }
  }

  // A mark for each event at its bin of each line: a circle, square or triangle.
  drawEvents(context, view, { points, group, n }, bins, colours, last, radius) {
    context.setLineDash([]);
    for (let i = 0; n && i < bins.length; i++) {
      const line = i % n;
      if (bins[i] < 0 || bins[i] > last) continue;
      const at = 3 * (line * this.nBins + bins[i]);
      if (points[at] !== points[at]) continue;
      const [x, y] = SpaceScene.at(view, points[at], points[at + 1], points[at + 2]);
      markShape(context, x, y, Math.floor(i / n), radius);
      context.fillStyle = colours[group[line]];
      context.fill();
      context.strokeStyle = radius > 3 ? this.ink() : this.paper();
      context.lineWidth = radius > 3 ? 1.4 : 0.5;
      context.stroke();
    }
  }

  keepScreen(view, { points, n }, last) {
    const screen = new Float32Array(2 * n * (last + 1));
    for (let line = 0, to = 0; line < n; line++) {
      for (let bin = 0; bin <= last; bin++) {
        const at = 3 * (line * this.nBins + bin);
        const [x, y] = SpaceScene.at(view, points[at], points[at + 1], points[at + 2]);
        screen[to++] = x;
        screen[to++] = y;
      }
    }
    this.screen = { screen, perLine: last + 1 };
  }

  // The average under the mouse, -1 if there is none within so many pixels.
  nearest(px, py, within = 7) {
    if (!this.screen || !this.model.get("show_averages")) return -1;
    let [best, found] = [within * within, -1];
    const { screen, perLine } = this.screen;
    for (let at = 0; at < screen.length; at += 2) {
      const distance = (screen[at] - px) ** 2 + (screen[at + 1] - py) ** 2;
      if (distance < best) [best, found] = [distance, Math.floor(at / 2 / perLine)];
    }
    return found;
  }
}
