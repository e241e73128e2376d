"""Stands in for the turns' runner: a "model" whose progress depends on its learning rate alone.

Each generation a member's score falls by exp(-(ln rate - ln 1e-3)^2). `behaviour.json` in the
member's folder says in which generations it shall diverge, fail (once) or wait for a file: `go` and
the generation's number. Each turn that is begun is a line in `starts.txt`, each that is whole one
in `ends.txt`.
"""

import json
import math
import sys
import time

from lfads_nb.queue.turn_runner import main
from lfads_nb.sweep.folders import RunFolder
from lfads_nb.sweep.turns import TurnResult, smoothed_score


def gain(settings):
    return math.exp(-((math.log(settings["learning_rate_init"]) - math.log(1e-3)) ** 2))


def behaviour_of(folder):
    path = folder / "behaviour.json"
    return json.loads(path.read_text()) if path.exists() else {}


def checkpoint(folder, epoch):
    return RunFolder(folder).output / f"lfads_vae-{epoch}.weights.h5"


def note(folder, name, request):
    with (folder / name).open("a") as file:
        file.write(f"{request.generation}\n")


def toy_turn(request, *, on_progress=None):
    known = TurnResult.of(request)
    if known is not None:
        return known
    run, behaviour = RunFolder(request.folder), behaviour_of(request.folder)
    run.output.mkdir(exist_ok=True)
    note(request.folder, "starts.txt", request)
    go = request.folder / f"go{request.generation}"
    while request.generation in behaviour.get("wait", ()) and not go.exists():
        time.sleep(0.02)
    failed = request.folder / "failed"
    if request.generation in behaviour.get("fail", ()) and not failed.exists():
        failed.touch()
        raise ValueError("told to fail")
    state = {"cost": 100.0, "score": None}
    if request.first_epoch:
        source = request.copy_from or request.folder
        state = json.loads(checkpoint(source, request.first_epoch).read_text())
        state["score"] = None if request.copy_from else state["score"]
    diverged = request.generation in behaviour.get("diverge", ())
    lines = run.fit_log.read_text().splitlines() if run.fit_log.exists() else []
    lines, valid = [line for line in lines if int(line.split(",")[1]) < request.first_epoch], []
    for epoch in range(request.first_epoch, request.last_epoch):
        state["cost"] -= gain(request.settings) / request.epochs
        valid.append(state["cost"])
        state["score"] = smoothed_score(state["score"], state["cost"])
        pair = f"{state['cost']:.4f},{state['cost']:.4f}"
        lines.append(f"epoch,{epoch}, step,{epoch + 1}, total,{pair}, recon,{pair}, kl,0,0, l2,0")
    run.fit_log.write_text("".join(f"{line}\n" for line in lines))
    if not diverged:
        checkpoint(request.folder, request.last_epoch).write_text(json.dumps(state))
    result = TurnResult(
        generation=request.generation, epoch=request.last_epoch,
        score=math.nan if diverged else state["score"], valid=tuple(valid), diverged=diverged,
        seconds=2.0, overhead_seconds=0.5,
    )  # fmt: skip
    result.save(request)
    note(request.folder, "ends.txt", request)
    return result


if __name__ == "__main__":
    sys.exit(main(take=toy_turn, module="tests.queue.toy_turns"))
