"""One JupyterLab, one Chromium page and one kernel, driven by tests.

Starting them costs half a minute, a test in them about a second: so they are shared by all browser
tests of a session (see `conftest.py`), and each test shows its own widget in a fresh cell.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

REPOSITORY = Path(__file__).parents[2]
_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_CHROMIUM_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run", "--mute-audio",
]  # fmt: skip

# Messages of JupyterLab, and of bqplot's figures in hidden tabs, that say nothing of our widgets.
_HARMLESS = (
    "favicon", "Failed to load resource", "ResizeObserver loop", "net::ERR", "deprecated",
    "A negative value is not valid",
)  # fmt: skip


def find_chromium() -> str | None:
    """Return the browser to drive: `LFADS_NB_CHROMIUM`, or the first that is installed."""
    named = os.environ.get("LFADS_NB_CHROMIUM")
    return named or next((path for name in _NAMES if (path := shutil.which(name))), None)


@dataclass
class Lab:
    """A notebook in a real JupyterLab.

    `page` is Playwright's; `kernel_answers` evaluates in the kernel; `show` runs a cell and leaves
    its output on screen; `errors` collects what the browser complained about.
    """

    page: Page
    folder: Path
    errors: list[str] = field(default_factory=list)

    def open_notebook(self) -> None:
        """Make a notebook with a running kernel."""
        self.page.wait_for_function("window.jupyterapp?.restored", timeout=90_000)
        self.page.evaluate(
            """async () => {
              const app = window.jupyterapp;
              await app.restored;
              app.shell.collapseLeft();
              app.shell.collapseRight();
              const panel = await app.commands.execute(
                'notebook:create-new', {kernelName: 'python3', cwd: ''});
              await panel.context.ready;
              await panel.sessionContext.ready;
              window.lfadsPanel = panel;
            }"""
        )
        self.page.wait_for_function(
            """() => {
              const session = window.lfadsPanel?.sessionContext?.session;
              return session?.kernel?.connectionStatus === 'connected'
                && session.kernel.status === 'idle';
            }""",
            timeout=90_000,
        )

    def show(self, code: str, *, timeout_s: float = 60) -> Locator:
        """Run code in the notebook's only cell, and return the cell's output area.

        Raises
        ------
        AssertionError
            The cell failed; the message is its traceback.
        """
        self.page.set_default_timeout(timeout_s * 1000)
        failure = self.page.evaluate(
            """async (code) => {
              const panel = window.lfadsPanel;
              const cells = panel.content.model.sharedModel;
              while (cells.cells.length) cells.deleteCell(0);
              cells.insertCell(0, {cell_type: 'code', source: code});
              panel.content.activeCellIndex = 0;
              await window.jupyterapp.commands.execute('notebook:run-cell');
              const outputs = panel.content.model.cells.get(0).outputs.toJSON();
              const failed = outputs.find((output) => output.output_type === 'error');
              return failed ? failed.traceback.join('\\n') : '';
            }""",
            code,
        )
        assert not failure, failure
        return self.page.locator(".jp-Notebook .jp-OutputArea").first

    def clear_away(self) -> None:
        """Close whatever covers the notebook: dialogs, and documents opened beside it."""
        for dialog in self.page.locator("dialog.jp-Dialog").all():
            dialog.press("Escape")
        self.page.evaluate(
            """() => {
              const shell = window.jupyterapp.shell;
              for (const each of [...shell.widgets('main')])
                if (each !== window.lfadsPanel) each.dispose();
              shell.activateById(window.lfadsPanel.id);
            }"""
        )

    def kernel_answers(self, expression: str) -> Any:
        """Evaluate an expression in the kernel, and return what JSON keeps of it."""
        reply = self.page.evaluate(
            """async (expression) => {
              const kernel = window.lfadsPanel.sessionContext.session.kernel;
              const done = await kernel.requestExecute({
                code: 'import json as _json', silent: true, store_history: false,
                user_expressions: {answer: `_json.dumps(${expression})`},
              }).done;
              return done.content.user_expressions.answer;
            }""",
            expression,
        )
        assert reply["status"] == "ok", f"{expression}: {reply.get('evalue')}"
        return json.loads(_unquoted(reply["data"]["text/plain"]))

    def wait_until(self, expression: str, *, timeout_s: float = 30) -> None:
        """Wait until an expression is true in the kernel."""
        end = time.monotonic() + timeout_s
        while not self.kernel_answers(f"bool({expression})"):
            assert time.monotonic() < end, f"not true after {timeout_s} s: {expression}"
            self.page.wait_for_timeout(50)

    def screenshot(self, name: str) -> Path:
        """Save what is on screen, for people to look at."""
        path = self.folder / f"{name}.png"
        self.page.screenshot(path=path)
        return path


def _unquoted(text: str) -> str:
    import ast

    return ast.literal_eval(text)


@contextlib.contextmanager
def running_lab(folder: Path, *, width: int = 1400, height: int = 1000) -> Iterator[Lab]:
    """Start a JupyterLab in a folder, a browser on it, and a notebook.

    Parameters
    ----------
    folder : its working directory; settings and runtime files are kept there too.
    width, height : of the page in pixels.
    """
    chromium = find_chromium()
    expect.set_options(timeout=30_000)
    with running_server(folder) as (address, token), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=_CHROMIUM_FLAGS)
        try:
            lab = _open_page(browser, f"{address}lab?token={token}", folder, (width, height))
            lab.open_notebook()
            yield lab
        finally:
            browser.close()


def _open_page(browser: Browser, url: str, folder: Path, size: tuple[int, int]) -> Lab:
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, accept_downloads=True
    )
    lab = Lab(context.new_page(), folder)

    def note(text: str) -> None:
        if not any(each in text for each in _HARMLESS):
            lab.errors.append(text)

    lab.page.on("pageerror", lambda error: note(str(error)))
    lab.page.on("console", lambda said: note(said.text) if said.type == "error" else None)
    lab.page.goto(url, wait_until="domcontentloaded", timeout=90_000)
    return lab


@contextlib.contextmanager
def running_server(
    folder: Path, module: str = "jupyterlab", *, options: Sequence[str] = ()
) -> Iterator[tuple[str, str]]:
    """Run JupyterLab or Notebook on a free port of this machine, apart from the user's settings.

    `options` are added to its command line. Gives the server's address and its token.
    """
    token = secrets.token_hex(16)
    runtime = folder / "runtime"
    config = folder / "config"
    (config / "labconfig").mkdir(parents=True)
    runtime.mkdir()
    # No news dialog, and nothing that asks the network for updates.
    quiet = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
    (config / "labconfig" / "page_config.json").write_text(json.dumps(quiet))
    environment = {
        **os.environ,
        "JUPYTER_CONFIG_DIR": str(config),
        "JUPYTER_RUNTIME_DIR": str(runtime),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "IPYTHONDIR": str(folder / "ipython"),
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")]),
        "JUPYTER_TOKEN": token,
    }
    command = [
        sys.executable, "-m", module, "--no-browser", "--ip=127.0.0.1", "--port=0",
        "--ServerApp.port_retries=0", "--expose-app-in-browser", "--allow-root",
        "--ServerApp.open_browser=False", f"--ServerApp.root_dir={folder}",
        "--LabApp.extension_manager=readonly", *options,
    ]  # fmt: skip
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT,
            start_new_session=True, preexec_fn=die_with_parent,
        )  # fmt: skip
        try:
            yield _address(runtime, process, folder / "server.log"), token
        finally:
            stop(process)


def die_with_parent() -> None:
    """Have the kernel of the system end the server if the tests are killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def _address(runtime: Path, process: subprocess.Popen, log: Path) -> str:
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        for path in runtime.glob("jpserver-*.json"):
            # The file is there a moment before the server listens.
            with contextlib.suppress(json.JSONDecodeError, ConnectionRefusedError):
                said = json.loads(path.read_text())
                socket.create_connection(("127.0.0.1", said["port"]), timeout=5).close()
                return said["url"]
        time.sleep(0.1)
    raise RuntimeError(f"Jupyter did not start:\n{log.read_text()[-2000:]}")


def stop(process: subprocess.Popen) -> None:
    process.terminate()
    try:
        process.wait(timeout=15)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=5)
