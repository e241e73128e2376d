"""The process of a pack of turns, with `toy_turns` in the place of the training."""

import sys

from lfads_nb.queue.turn_pack_runner import main
from tests.queue.toy_turns import toy_turn


def train(members):
    for member in members:
        with (member.folder.path / "packs.txt").open("a") as file:
            file.write(f"{len(members)}\n")
        member.end(toy_turn(member.request))


if __name__ == "__main__":
    sys.exit(main(train=train, module="tests.queue.toy_turn_pack"))
