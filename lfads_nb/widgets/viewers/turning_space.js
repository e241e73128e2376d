// A space that is turned by dragging, drawn on a canvas, with its own tools and a time cursor.

const SETTLE_MS = 140;
const PLAY_MS = 6000; // for a whole trial
const PNG_PIXELS = 2; // per point of the screen

const SPACE_DATA = [
  "trials", "trials_group", "averages", "averages_group", "others", "others_group", "n_bins",
];
const SPACE_STYLE = [
  "colours", "labels", "alpha", "axes", "zero_bin", "trial_events", "average_events", "highlight", "show_trials", "show_averages",
  "yaw", "pitch", "zoom", "title",
];

function render({ model, el }) {
  el.classList.add("lfads-space");
  const make = (name, more = {}) => Object.assign(document.createElement(name), more);
  const tools = make("div", { className: "lfads-tools" });
  const canvas = make("canvas", { tabIndex: 0 });
  canvas.setAttribute("role", "img");
  const said = make("span", { className: "lfads-said" });
  said.setAttribute("role", "status");
  const slider = make("input", { type: "range", min: 0, step: 1 });
  slider.setAttribute("aria-label", "time within the trial");
  const time = make("output");
  const code = make("pre", { hidden: true, tabIndex: 0 });
  const scene = new SpaceScene(model, el);
  const state = { frame: 0, settle: 0, moving: false, playing: 0, spinning: false, before: 0 };

  // ------------------------------------------------------------------------------- drawing

  function fit() {
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [el.clientWidth, canvas.clientHeight];
    const wanted = [Math.round(width * ratio), Math.round(height * ratio)];
    if (canvas.width !== wanted[0]) canvas.width = wanted[0];
    if (canvas.height !== wanted[1]) canvas.height = wanted[1];
    return [width, height, ratio];
  }

  function redraw() {
    state.frame = 0;
    if (!el.clientWidth || !canvas.clientHeight) return;
    const began = performance.now();
    const [width, height, ratio] = fit();
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    scene.draw(context, width, height, { moving: state.moving });
    canvas.dataset.drawMs = (performance.now() - began).toFixed(1);
    canvas.dataset.moving = state.moving;
    canvas.dataset.draws = Number(canvas.dataset.draws || 0) + 1;
    canvas.dataset.points = scene.nPoints;
    canvas.dataset.yaw = model.get("yaw").toFixed(3);
    canvas.dataset.cursor = model.get("cursor");
  }

  const later = () => {
    if (!state.frame) state.frame = requestAnimationFrame(redraw);
  };

  // Part of the trials while something moves, all of them once it rests.
  function move() {
    state.moving = true;
    later();
    clearTimeout(state.settle);
    state.settle = setTimeout(() => {
      state.moving = state.spinning || state.playing > 0;
      later();
    }, SETTLE_MS);
  }

  function turn(yaw, pitch) {
    const up = Math.max(-MOST_PITCH, Math.min(MOST_PITCH, model.get("pitch") + pitch));
    model.set({ yaw: (model.get("yaw") + yaw) % (2 * Math.PI), pitch: up });
    move();
  }

  function zoom(factor) {
    model.set("zoom", Math.max(0.3, Math.min(12, model.get("zoom") * factor)));
    move();
  }

  function home() {
    const [yaw, pitch] = model.get("home");
    model.set({ yaw, pitch, zoom: 1 });
    model.save_changes();
    move();
  }

  // -------------------------------------------------------------------------- time cursor

  const times = () => floats(model.get("time"));

  function showTime() {
    const n = model.get("n_bins");
    slider.max = Math.max(n - 1, 0);
    const cursor = model.get("cursor");
    slider.value = cursor < 0 ? n - 1 : cursor;
    const now = times()[cursor];
    time.textContent = cursor < 0 ? "whole trials" : `to ${Math.round(now)} ms`;
    slider.setAttribute("aria-valuetext", time.textContent);
  }

  function setCursor(bin) {
    const n = model.get("n_bins");
    model.set("cursor", bin >= n - 1 ? -1 : Math.max(0, Math.round(bin)));
    showTime();
    move();
  }

  function tick(now) {
    if (!el.isConnected) return stop();
    const passed = Math.min(now - state.before, 100);
    state.before = now;
    if (state.spinning) turn(passed * 0.0005, 0);
    if (state.playing > 0) {
      const n = model.get("n_bins");
      state.playing += (passed / PLAY_MS) * n;
      if (state.playing >= n - 1) stopPlaying();
      else setCursor(state.playing);
    }
    if (state.spinning || state.playing > 0) requestAnimationFrame(tick);
  }

  function begin() {
    state.before = performance.now();
    requestAnimationFrame(tick);
  }

  function stopPlaying() {
    state.playing = 0;
    setCursor(model.get("n_bins"));
    play.setAttribute("aria-pressed", "false");
    model.save_changes();
    move();
  }

  function stop() {
    state.spinning = false;
    state.playing = 0;
  }

  // ------------------------------------------------------------------------------- tools

  const button = (text, title, onclick) => {
    const made = make("button", { textContent: text, title, onclick });
    made.setAttribute("aria-label", title);
    return made;
  };
  const tell = (text) => {
    said.textContent = text;
    setTimeout(() => (said.textContent = ""), 3000);
  };
  const play = button("▶ play", "let time pass (space)", () => {
    if (state.playing) return stopPlaying();
    const cursor = model.get("cursor");
    state.playing = Math.max(cursor, 0) + 1e-6;
    play.setAttribute("aria-pressed", "true");
    if (!state.spinning) begin();
  });
  const spin = button("↻ turn", "let it turn by itself", () => {
    state.spinning = !state.spinning;
    spin.setAttribute("aria-pressed", state.spinning);
    if (state.spinning && !state.playing) begin();
    else if (!state.spinning) model.save_changes();
  });
  const showCode = button("</>", "show the code that makes this picture", async () => {
    code.hidden = !code.hidden;
    code.textContent = model.get("code");
    showCode.setAttribute("aria-pressed", !code.hidden);
    if (code.hidden) return;
    try {
      await navigator.clipboard.writeText(model.get("code"));
      tell("copied");
    } catch {
      tell("");
    }
  });

  // A saved picture has a title, the axes' names and a key beside what is on the screen.
  function saved(text) {
    const [width, height] = [el.clientWidth, canvas.clientHeight];
    const used = new Set(scene.sets[1].n ? scene.sets[1].group : scene.sets[0].group);
    const key = model.get("labels").map((label, i) => [label, i]).filter(([, i]) => used.has(i));
    const ink = resolved("var(--jp-content-font-color1, #222)", el);
    text(model.get("title"), 12, 20, ink, "bold 14px sans-serif");
    key.forEach(([label, i], row) => {
      const colour = resolved(model.get("colours")[i], el);
      text("━", width + 4, 24 + 17 * row, colour, "bold 12px sans-serif");
      text(label, width + 22, 24 + 17 * row, ink, "12px sans-serif");
    });
    const longest = Math.max(0, ...key.map(([label]) => label.length));
    return [width + (key.length ? 40 + 7 * longest : 0), Math.max(height, 34 + 17 * key.length)];
  }

  function png() {
    const measured = saved(() => {});
    const copy = make("canvas", { width: measured[0] * PNG_PIXELS, height: measured[1] * PNG_PIXELS });
    const context = copy.getContext("2d");
    context.scale(PNG_PIXELS, PNG_PIXELS);
    context.fillStyle = scene.paper();
    context.fillRect(0, 0, ...measured);
    scene.draw(context, el.clientWidth, canvas.clientHeight);
    context.globalAlpha = 1;
    context.textAlign = "left";
    saved((words, x, y, colour, font) => {
      Object.assign(context, { fillStyle: colour, font });
      context.fillText(words, x, y);
    });
    return new Promise((resolve) => copy.toBlob(resolve, "image/png"));
  }

  async function svg() {
    const context = new SvgContext();
    scene.draw(context, el.clientWidth, canvas.clientHeight);
    const measured = saved((words, x, y, colour, font) => {
      Object.assign(context, { fillStyle: colour, font, textAlign: "left", globalAlpha: 1 });
      context.fillText(words, x, y);
    });
    const root = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    root.setAttribute("xmlns", "http://www.w3.org/2000/svg");
    root.setAttribute("viewBox", `0 0 ${measured[0]} ${measured[1]}`);
    root.setAttribute("width", measured[0]);
    root.setAttribute("height", measured[1]);
    root.style.background = scene.paper();
    root.append(...context.elements);
    return new Blob([new XMLSerializer().serializeToString(root)], { type: "image/svg+xml" });
  }

  const saving = (made, ending) => async () => {
    const name = `${model.get("file_name")}.${ending}`;
    const link = make("a", { href: URL.createObjectURL(await made()), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    tell(`saved ${name}`);
  };

  tools.append(
    said, play, slider, time, spin, button("reset", "the first view again (0)", home),
    button("PNG", "save as PNG", saving(png, "png")),
    button("SVG", "save as SVG", saving(svg, "svg")), showCode, code,
  );
  el.append(tools, canvas);
  slider.oninput = () => setCursor(Number(slider.value));
  slider.onchange = () => model.save_changes();

  // ------------------------------------------------------------------- mouse and keyboard

  let grip = null;
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    grip = [event.clientX, event.clientY];
    canvas.setPointerCapture(event.pointerId);
    canvas.focus({ preventScroll: true });
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!grip) return hover(event);
    turn((event.clientX - grip[0]) * 0.01, (event.clientY - grip[1]) * 0.01);
    grip = [event.clientX, event.clientY];
  });
  const release = () => {
    if (grip) model.save_changes();
    grip = null;
  };
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);
  canvas.addEventListener("dblclick", home);
  // The wheel scrolls the page unless the picture has been clicked.
  canvas.addEventListener("wheel", (event) => {
    if (document.activeElement !== canvas) return;
    event.preventDefault();
    zoom(Math.exp(-event.deltaY * 0.0015));
  }, { passive: false });

  function hover(event) {
    const box = canvas.getBoundingClientRect();
    const line = scene.nearest(event.clientX - box.left, event.clientY - box.top);
    canvas.title = line < 0 ? "" : model.get("labels")[scene.sets[1].group[line]] || "";
  }

  const keys = {
    ArrowLeft: () => turn(-0.1, 0), ArrowRight: () => turn(0.1, 0),
    ArrowUp: () => turn(0, 0.1), ArrowDown: () => turn(0, -0.1),
    "+": () => zoom(1.15), "=": () => zoom(1.15), "-": () => zoom(1 / 1.15),
    0: home, " ": () => play.click(),
  };
  canvas.addEventListener("keydown", (event) => {
    const act = keys[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  });
  canvas.addEventListener("keyup", (event) => keys[event.key] && model.save_changes());

  // -------------------------------------------------------------------------------- state

  const onData = () => {
    scene.readData();
    showTime();
    later();
  };
  const onCursor = () => {
    showTime();
    later();
  };
  const describe = () => canvas.setAttribute("aria-label", model.get("description"));
  for (const name of SPACE_DATA) model.on(`change:${name}`, onData);
  for (const name of SPACE_STYLE) model.on(`change:${name}`, later);
  model.on("change:cursor", onCursor);
  model.on("change:description", describe);
  const sizes = new ResizeObserver(later);
  sizes.observe(canvas);
  const theme = new MutationObserver(later);
  theme.observe(document.body, { attributeFilter: ["data-jp-theme-name", "class"] });
  describe();
  showTime();
  later();
  return () => {
    stop();
    cancelAnimationFrame(state.frame);
    clearTimeout(state.settle);
    sizes.disconnect();
    theme.disconnect();
    for (const name of SPACE_DATA) model.off(`change:${name}`, onData);
    for (const name of SPACE_STYLE) model.off(`change:${name}`, later);
    model.off("change:cursor", onCursor);
    model.off("change:description", describe);
  };
}

export default { render };
