// Sliders' handles and the buttons of players have no name that a screen reader could read out.
let naming = 0;
function nameControls() {
  naming = 0;
  const here = (what) => document.querySelectorAll(`:is(.lfads, .lfads-viewer) ${what}:not([aria-label])`);
  for (const handle of here(".noUi-handle")) {
    const widget = handle.closest(".jupyter-widgets");
    const name = widget?.querySelector(".widget-label")?.textContent || widget?.title || "slider";
    const end = handle.classList.contains("noUi-handle-upper") ? "to" : "from";
    const isRange = handle.closest(".noUi-base").querySelectorAll(".noUi-handle").length > 1;
    handle.setAttribute("aria-label", isRange ? `${name}, ${end}` : name);
  }
  for (const button of here(".widget-play button")) {
    const icon = /fa-(play|pause|stop|retweet)/.exec(button.innerHTML);
    button.setAttribute("aria-label", { retweet: "repeat" }[icon?.[1]] || icon?.[1] || "play");
  }
  // ipywidgets' word for "no tooltip", which the mouse would show.
  for (const each of document.querySelectorAll(":is(.lfads, .lfads-viewer) [title=null]")) each.removeAttribute("title");
}

// What is added to the page later is looked at too, at leisure; returns what ends that.
function keepNaming() {
  const added = new MutationObserver(() => { naming ||= setTimeout(nameControls, 300); });
  added.observe(document.body, { childList: true, subtree: true });
  nameControls();
  return () => added.disconnect();
}
