"""`Bench`: the one run collection that panels show and change together.

Files are the truth. Every change is saved at once to `collection.json`; what is only half set up
(the form as it stands) goes to `.bench.json` beside it, which is safe to delete. Another window
that changes the collection is noticed by its file.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeAlias

from lfads_nb.atomic_files import write_json
from lfads_nb.datasets import DatasetCollection
from lfads_nb.errors import LfadsError, RunFolderError
from lfads_nb.own_code import NamedCode, hand_over, trust
from lfads_nb.regular_files import read_json
from lfads_nb.results.matlab import OldCollection
from lfads_nb.sweep import RunCollection, RunParams
from lfads_nb.sweep.collection_file import code_named_in
from lfads_nb.sweep.stored_params import StoredParams
from lfads_nb.widgets.recent import open_any
from lfads_nb.widgets.ticker import Ticker

log = logging.getLogger(__name__)
QUICK_S, IDLE_S = 1.0, 5.0


class Bench:
    """A run collection, its changes, and who wants to know of them.

    Parameters
    ----------
    collection : to start with, or None.
    datasets : a dataset collection to work on without any run collection.
    params_class : class of new settings; that of the collection's own settings if it has any.
    """

    def __init__(
        self,
        collection: RunCollection | None = None,
        *,
        datasets: DatasetCollection | None = None,
        params_class: type[RunParams] = RunParams,
    ) -> None:
        self.lock = threading.RLock()
        self.collection = collection
        self._datasets = datasets
        self._params_class = params_class
        if params_class is not RunParams:
            hand_over("params", params_class)
        self._on_change: list[Callable[[], Any]] = []
        self._on_open: list[Callable[[], Any]] = []
        self._on_act: list[Callable[[], Any]] = []
        self._on_tick: list[Callable[[], Any]] = []
        self._draft: dict[str, Any] | None = None
        self._saved_state = self._file_state()
        self._ticker = Ticker(self.tick)
        self.busy = False

    @classmethod
    def of(cls, source: Source) -> Bench:
        """Make a bench of a collection, its folder or a dataset collection; a bench stays itself.

        Raises
        ------
        RunFolderError
            If the folder holds no collection that can be read.
        """
        if isinstance(source, Bench):
            return source
        if isinstance(source, DatasetCollection):
            return cls(datasets=source)
        if source is None or isinstance(source, RunCollection):
            return cls(source)
        return cls(RunCollection.load(source))

    # ------------------------------------------------------------------------------- contents

    @property
    def datasets(self) -> DatasetCollection | None:
        """Where run specs choose from."""
        return self.collection.dataset_collection if self.collection is not None else self._datasets

    @property
    def path(self) -> Path | None:
        """The collection's folder, None without a collection."""
        return self.collection.path if self.collection is not None else None

    @property
    def params_class(self) -> type[RunParams]:
        """Class of the settings."""
        for params in self.collection.params if self.collection is not None else ():
            if not isinstance(params, StoredParams):
                return type(params)
        return self._params_class

    def untrusted_code(self) -> list[NamedCode]:
        """Return what code the collection names that may not run here."""
        if self.collection is None or not self.collection.folder.json.exists():
            return []
        return [code for code in code_named_in(self.collection.folder) if code.problem]

    def trust(self, codes: Iterable[NamedCode]) -> None:
        """Let code run for this collection from now on, and read the collection anew.

        Raises
        ------
        CollectionError
            Its file cannot be found, or the trust cannot be remembered.
        """
        assert self.collection is not None, "there is code of a collection only"
        trust(self.collection.path, codes)
        draft = self._draft
        self.show(RunCollection.load(self.collection.path))
        self._draft = draft

    def open(self, path: str | Path) -> None:
        """Open a collection's folder instead of the present one, ours or the run manager's.

        Raises
        ------
        RunFolderError
            It is neither, or cannot be read.
        """
        self.show(open_any(path))

    def create(self, root: str | Path, name: str, datasets: str | Path) -> None:
        """Make a new collection and save it.

        Raises
        ------
        CollectionError
            If the name cannot be a folder's.
        RunFolderError
            If there is one already.
        """
        folder = Path(datasets).expanduser().absolute()
        collection = RunCollection(root, name, DatasetCollection(folder))
        if collection.folder.json.exists():
            raise RunFolderError(
                f"{collection.path} is a collection already: open it, or choose another name"
            )
        try:
            collection.save()
        except OSError as error:
            raise RunFolderError(f"{collection.path} cannot be made: {error.strerror}") from error
        self.show(collection)

    def show(self, collection: RunCollection | None) -> None:
        """Take up another collection (or the same one, read anew)."""
        with self.lock:
            before, self.collection = self.path, collection
            self._draft = None
            self._saved_state = self._file_state()
        if self.path != before:
            self._tell(self._on_open)
        self._announce()

    # -------------------------------------------------------------------------------- changes

    def changed(self) -> None:
        """Save the collection and tell every panel; call it after each change.

        Raises
        ------
        RunFolderError
            If it cannot be saved (the change stays on screen).
        """
        with self.lock:
            if self.collection is not None:
                try:
                    self.collection.save()
                except OSError as error:
                    raise RunFolderError(
                        f"{self.collection.folder.json} cannot be written: {error.strerror}"
                    ) from error
            self._saved_state = self._file_state()
        self._announce()

    def on_change(self, callback: Callable[[], Any]) -> None:
        """Have a function called after every change."""
        self._on_change.append(callback)

    def on_open(self, callback: Callable[[], Any]) -> None:
        """Have a function called when another collection was opened, before `on_change`'s."""
        self._on_open.append(callback)

    def on_act(self, callback: Callable[[], Any]) -> None:
        """Have a function called when a button of any panel was clicked, before it acts."""
        self._on_act.append(callback)

    def act(self) -> None:
        """Tell every panel that the next action begins."""
        self._tell(self._on_act)

    def _announce(self) -> None:
        self._tell(self._on_change)

    @staticmethod
    def _tell(callbacks: list[Callable[[], Any]]) -> None:
        for callback in list(callbacks):
            try:
                callback()
            except Exception:
                log.exception("a panel could not show the change")

    def _file_state(self) -> tuple[int, int] | None:
        if self.collection is None:
            return None
        try:
            state = self.collection.folder.json.stat()
        except OSError:
            return None
        return state.st_mtime_ns, state.st_size

    def reload_if_changed(self) -> bool:
        """Read the collection anew if another window or script has changed it."""
        with self.lock:
            state = self._file_state()
            if self.collection is None or state is None or state == self._saved_state:
                return False
            if self.busy:
                return False  # a long work holds the present objects; the next look will do
            try:
                collection = RunCollection.load(self.collection.path)
            except LfadsError as error:
                log.warning("%s", error)
                self._saved_state = state
                return False
            draft = self._draft
            self.show(collection)
            self._draft = draft
            return True

    # ---------------------------------------------------------------------------------- drafts

    def draft(self, panel: str) -> Any:
        """Return what a panel left half set up, None if nothing."""
        with self.lock:
            if self._draft is None:
                self._draft = self._read_draft()
            return self._draft.get(panel)

    def keep_draft(self, panel: str, content: Any) -> None:
        """Keep what a panel has half set up, as plain JSON values."""
        with self.lock:
            self.draft(panel)
            assert self._draft is not None
            self._draft[panel] = content
            path = self._draft_file
            if path is not None and path.parent.exists():
                try:
                    write_json(path, self._draft)
                except OSError as error:
                    log.warning("the form's state was not kept: %s", error)

    @property
    def _draft_file(self) -> Path | None:
        if self.collection is None or isinstance(self.collection, OldCollection):
            return None  # folders of the original program are never written to
        return self.collection.path / ".bench.json"

    def _read_draft(self) -> dict[str, Any]:
        path = self._draft_file
        if path is None or not path.exists():
            return {}
        try:
            content = read_json(path)
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

    # ----------------------------------------------------------------------------------- ticks

    def on_tick(self, callback: Callable[[], Any]) -> None:
        """Have a function called every second or so while panels are shown.

        It returns whether anything is going on; if nothing is, ticks come more slowly.
        """
        self._on_tick.append(callback)

    def tick(self) -> float:
        """Look at the disk once; return the seconds until the next look."""
        self.reload_if_changed()
        lively = [callback() for callback in list(self._on_tick)]
        return QUICK_S if any(lively) else IDLE_S

    def start(self) -> None:
        """Begin to watch the disk; panels call it when they are first shown."""
        self._ticker.start()

    def close(self) -> None:
        """Stop watching."""
        self._ticker.stop()


Source: TypeAlias = Bench | RunCollection | DatasetCollection | str | Path | None
"""What a panel can be made of."""
