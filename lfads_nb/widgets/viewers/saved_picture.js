// A picture as it is saved: the figure with its title, what its lines mean, and which colour is
// which condition. What the screen shows beside the figure is read there, so that they agree.

const SVG_SPACE = "http://www.w3.org/2000/svg";
const HEAD = 46; // pixels above the figure: a line for the title, one for the kinds of line
const MOST_NAMED = 40;
const AXIS = 40; // pixels that numbers and name of the lower axis take

function svgElement(name, attributes, text) {
  const made = document.createElementNS(SVG_SPACE, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

function widthOfText(text, font) {
  const context = document.createElement("canvas").getContext("2d");
  context.font = font;
  return context.measureText(text).width;
}

// The key above a figure: [{sample, text}], a sample being an SVG or a strip of colours.
function kindsOf(plot) {
  return [...plot.querySelectorAll(".lfads-bar .lfads-key")].map((span) => {
    const strip = span.querySelector("span");
    const [before, after] = strip ? [span.firstChild.textContent, span.lastChild.textContent] : [];
    return {
      sample: span.querySelector("svg"),
      stops: strip ? strip.style.backgroundImage.match(/rgb\([^)]*\)|#[0-9a-f]{6}/gi) : null,
      before: before || "",
      text: strip ? after : span.textContent,
    };
  });
}

// What the nearest legend shows, of the colours that are in the picture.
function legendOf(plot, picture) {
  let above = plot;
  while (above && !above.querySelector(".lfads-legend-list")) above = above.parentElement;
  if (!above) return [];
  const shown = [...above.querySelectorAll(".lfads-legend-list button[aria-checked=true]")];
  return shown
    .map((button) => ({
      colour: getComputedStyle(button.querySelector("i")).borderTopColor,
      text: button.querySelector("span").textContent,
    }))
    .filter(({ colour }) => picture.includes(colour) || picture.includes(hexOf(colour)));
}

function hexOf(colour) {
  const numbers = (colour.match(/\d+/g) || []).slice(0, 3);
  return `#${numbers.map((n) => Number(n).toString(16).padStart(2, "0")).join("")}`;
}

function drawKinds(root, kinds, ink, font) {
  let x = 12;
  const say = (text) => {
    if (!text) return;
    root.append(svgElement("text", { x, y: 38, fill: ink, style: `font: ${font}` }, text));
    x += widthOfText(text, font) + 4;
  };
  kinds.forEach(({ sample, stops, before, text }, at) => {
    say(before);
    if (sample) {
      const copy = sample.cloneNode(true);
      for (const [key, value] of Object.entries({ x, y: 29, color: ink })) copy.setAttribute(key, value);
      root.append(copy);
      x += 30;
    }
    if (stops) {
      const gradient = svgElement("linearGradient", { id: `lfads-colours-${at}` });
      stops.forEach((stop, i) =>
        gradient.append(
          svgElement("stop", { offset: i / (stops.length - 1), "stop-color": stop }),
        ),
      );
      const fill = `url(#lfads-colours-${at})`;
      root.append(gradient, svgElement("rect", { x, y: 29, width: 90, height: 10, fill }));
      x += 94;
    }
    say(text);
    x += 10;
  });
  return x;
}

function drawLegend(root, legend, left, ink, font) {
  const named = legend.slice(0, MOST_NAMED);
  if (legend.length > named.length) {
    named.push({ colour: "none", text: `and ${legend.length - named.length} more` });
  }
  named.forEach(({ colour, text }, row) => {
    const y = HEAD + 8 + 17 * row;
    root.append(
      svgElement("rect", { x: left, y, width: 14, height: 10, rx: 2, fill: colour }),
      svgElement("text", { x: left + 20, y: y + 9, fill: ink, style: `font: ${font}` }, text),
    );
  });
  const widest = Math.max(0, ...named.map(({ text }) => widthOfText(text, font)));
  return [named.length ? left + widest + 32 : left, HEAD + 17 * named.length + 12];
}

// The figure (an SVG element) with all that belongs to it around it. Figures above others that
// share a time axis cut its numbers off on the screen; `margin` is what they leave below them.
function composed(figure, { width, height, margin, plot, paper, ink }) {
  const font = "12px sans-serif";
  const bold = "bold 14px sans-serif";
  const title = plot.querySelector(".lfads-bar .lfads-plot-title")?.textContent || "";
  const root = svgElement("svg", {});
  const background = svgElement("rect", { width: "100%", height: "100%", fill: paper });
  root.append(background, svgElement("text", { x: 12, y: 19, fill: ink, style: `font: ${bold}` }, title));
  const legend = legendOf(plot, figure.outerHTML);
  const kinds = drawKinds(root, kindsOf(plot), ink, font);
  const [right, bottom] = drawLegend(root, legend, width + 6, ink, font);
  for (const [key, value] of Object.entries({ x: 0, y: HEAD, width, height })) {
    figure.setAttribute(key, value);
  }
  Object.assign(figure.style, { background: "none", overflow: "visible" });
  for (const name of figure.querySelectorAll(".axislabel")) name.style.fill = ink;
  root.append(figure);
  const below = HEAD + height + Math.max(0, AXIS - margin);
  const needed = [width, right, kinds, widthOfText(title, bold) + 24];
  const size = [Math.ceil(Math.max(...needed)), Math.ceil(Math.max(below, bottom))];
  root.setAttribute("width", size[0]);
  root.setAttribute("height", size[1]);
  root.setAttribute("viewBox", `0 0 ${size[0]} ${size[1]}`);
  root.style.background = paper;
  return root;
}
