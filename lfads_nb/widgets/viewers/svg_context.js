// Takes the calls that `Picture` makes on a canvas, and makes SVG elements of them.

class SvgContext {
  constructor() {
    this.elements = [];
    Object.assign(this, { strokeStyle: "#000", fillStyle: "#000", lineWidth: 1, globalAlpha: 1 });
    Object.assign(this, { font: "12px sans-serif", textAlign: "left" });
    this.dash = [];
    this.path = "";
  }

  static round(value) {
    return Math.round(value * 100) / 100;
  }

  add(name, attributes) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    this.elements.push(element);
  }

  beginPath() {
    this.path = "";
  }

  moveTo(x, y) {
    this.path += `M${SvgContext.round(x)} ${SvgContext.round(y)}`;
  }

  lineTo(x, y) {
    this.path += `${this.path ? "L" : "M"}${SvgContext.round(x)} ${SvgContext.round(y)}`;
  }

  bezierCurveTo(...points) {
    this.path += `C${points.map(SvgContext.round).join(" ")}`;
  }

  arc(x, y, radius) {
    const [cx, cy] = [SvgContext.round(x), SvgContext.round(y)];
    this.path += `M${cx - radius} ${cy}a${radius} ${radius} 0 1 0 ${2 * radius} 0`;
    this.path += `a${radius} ${radius} 0 1 0 ${-2 * radius} 0`;
  }

  setLineDash(dash) {
    this.dash = dash;
  }

  stroke() {
    if (!this.path) return;
    const dashes = this.dash.length ? { "stroke-dasharray": this.dash.join(" ") } : {};
    this.add("path", {
      d: this.path, fill: "none", stroke: this.strokeStyle, "stroke-width": this.lineWidth,
      "stroke-linejoin": "round", "stroke-opacity": this.globalAlpha, ...dashes,
    });
  }

  fill() {
    if (!this.path) return;
    this.add("path", {
      d: this.path, fill: this.fillStyle, stroke: "none", "fill-opacity": this.globalAlpha,
    });
  }

  fillText(words, x, y) {
    const anchors = { center: "middle", left: "start", right: "end" };
    this.add("text", {
      x: SvgContext.round(x), y: SvgContext.round(y), fill: this.fillStyle,
      "fill-opacity": this.globalAlpha, "text-anchor": anchors[this.textAlign] || "start",
      style: `font: ${this.font}`,
    });
    this.elements.at(-1).textContent = words;
  }

  drawImage(bitmap, x, y, width, height) {
    this.add("image", {
      x, y, width, height, href: bitmap.toDataURL("image/png"), preserveAspectRatio: "none",
      style: "image-rendering: pixelated",
    });
  }

  // All of it, cut off at the edges of the plot.
  group(width, height) {
    const make = (name) => document.createElementNS("http://www.w3.org/2000/svg", name);
    const [group, clip, edge] = [make("g"), make("clipPath"), make("rect")];
    clip.id = `lfads-clip-${Math.random().toString(36).slice(2)}`;
    edge.setAttribute("width", width);
    edge.setAttribute("height", height);
    clip.append(edge);
    group.setAttribute("class", "lfads-layer");
    group.setAttribute("clip-path", `url(#${clip.id})`);
    group.append(clip, ...this.elements);
    return group;
  }
}
