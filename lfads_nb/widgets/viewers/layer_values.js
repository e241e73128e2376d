// What layers share: arrays out of buffers, and colours as a canvas wants them.

function floats(view) {
  if (!view || !view.byteLength) return new Float32Array(0);
  return new Float32Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
}

function shorts(view) {
  if (!view || !view.byteLength) return new Uint16Array(0);
  return new Uint16Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
}

function wholes(view) {
  if (!view || !view.byteLength) return new Int32Array(0);
  return new Int32Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
}

// Colours as one number each; both ends of a copy use the machine's own order of bytes.
function words(view) {
  if (!view || !view.byteLength) return new Uint32Array(0);
  return new Uint32Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
}

// Colours may name a CSS variable of the theme; a canvas wants the value.
function resolved(colour, el) {
  const match = /^var\((--[\w-]+)(?:,\s*([^)]+))?\)$/.exec(colour);
  if (!match) return colour;
  return getComputedStyle(el).getPropertyValue(match[1]).trim() || match[2] || "#888";
}

// The outline of an event's mark: 0 is a circle, 1 a square, 2 a triangle.
function markShape(context, x, y, shape, radius) {
  context.beginPath();
  if (!shape) return context.arc(x, y, radius, 0, 2 * Math.PI);
  const corners = shape === 1
    ? [[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]]
    : [[0, -1.25], [1.15, 0.85], [-1.15, 0.85], [0, -1.25]];
  corners.forEach(([dx, dy], i) => {
    const at = [x + dx * radius * 0.9, y + dy * radius * 0.9];
    if (i) context.lineTo(...at);
    else context.moveTo(...at);
  });
}
