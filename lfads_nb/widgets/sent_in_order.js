// Sends what was typed before the click that comes after it.
//
// While the kernel has not answered a widget's last change, ipywidgets keeps the next ones back; a
// click is sent at once, and on a busy kernel would act on what was there before.
function keepOrder(manager) {
  const known = new Map();
  const learn = () => {
    for (const [id, model] of Object.entries(manager._models ?? {}))
      if (!known.has(id)) {
        known.set(id, null);
        model.then((made) => {
          known.set(id, made);
          made.once("destroy", () => known.delete(id));
        }, () => known.delete(id));
      }
  };
  const send = () => {
    for (const model of known.values()) {
      if (!model?._msg_buffer || !model.comm_live) continue;
      const { _msg_buffer: kept, _msg_buffer_callbacks: callbacks } = model;
      model._msg_buffer = model._msg_buffer_callbacks = null;
      model.rememberLastUpdateFor(model.send_sync_message(kept, callbacks));
    }
  };
  const before = ["pointerdown", "keydown", "focusin"];
  for (const kind of before) window.addEventListener(kind, learn, true);
  // Leaving a box has told its value by now; the button's own listener comes after this.
  window.addEventListener("click", send, true);
  learn();
  return () => {
    for (const kind of before) window.removeEventListener(kind, learn, true);
    window.removeEventListener("click", send, true);
  };
}
