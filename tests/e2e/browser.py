"""A headless Chromium that tests drive by plain WebDriver over loopback; Debian's packages, no library of our own."""

from __future__ import annotations

import base64
import contextlib
import json
import re
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CHROMIUM, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"
# Without them Chromium looks its maker's hosts up at every start.
_QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
KEYS = {
    "Enter": "\ue007",
    "Escape": "\ue00c",
    "End": "\ue010",
    "Home": "\ue011",
    "ArrowLeft": "\ue012",
    "ArrowUp": "\ue013",
    "ArrowRight": "\ue014",
    "ArrowDown": "\ue015",
    "Tab": "\ue004",
}


def missing() -> str:
    """Return why no browser can be driven here; empty where one can."""
    lost = [name for name in (CHROMIUM, DRIVER) if shutil.which(name) is None]
    return f"not installed: {', '.join(lost)} (Debian's chromium and chromium-driver)" if lost else ""


class Browser:
    """One session of the browser.

    Args:
        address: the driver's, with the session in it.
    """

    def __init__(self, address: str) -> None:
        self._address = address

    def open(self, page: Path) -> None:
        """Load a page from the disk."""
        self._post("url", {"url": page.resolve().as_uri()})

    def run(self, script: str, *values: object) -> Any:
        """Return what the body of a function, run in the page, returns."""
        return self._post("execute/sync", {"script": script, "args": list(values)})

    def press(self, *keys: str) -> None:
        """Press keys one after another, by name or character, wherever the focus is."""
        steps = [{"type": kind, "value": KEYS.get(key, key)} for key in keys for kind in ("keyDown", "keyUp")]
        self._post("actions", {"actions": [{"type": "key", "id": "keyboard", "actions": steps}]})

    def click(self, selector: str) -> None:
        """Click the first element that a selector names."""
        found = self._post("element", {"using": "css selector", "value": selector})
        self._post(f"element/{found[_ELEMENT]}/click", {})

    def resize(self, width: int, height: int) -> None:
        """Show the page in a window of so many pixels, as a phone of that size would."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.devtools("Emulation.setDeviceMetricsOverride", **metrics)

    def prefer(self, scheme: str) -> None:
        """Let the system prefer ``dark`` or ``light`` colours."""
        self.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def devtools(self, command: str, **values: object) -> Any:
        """Send a command of the developer tools."""
        return self._post("goog/cdp/execute", {"cmd": command, "params": values})

    def log(self, kind: str) -> list[dict[str, Any]]:
        """Return what was noted since the last call: ``browser`` (the console) or ``performance`` (requests)."""
        found: list[dict[str, Any]] = self._post("se/log", {"type": kind})
        return found

    def requests(self) -> list[str]:
        """Return the addresses that were asked for since the last call, but for those inside the page itself."""
        told = [json.loads(entry["message"])["message"] for entry in self.log("performance")]
        asked = [note["params"]["request"]["url"] for note in told if note["method"] == "Network.requestWillBeSent"]
        return [address for address in asked if not address.startswith("data:")]

    def screenshot(self) -> bytes:
        """Return what the window shows, as a PNG."""
        return base64.b64decode(_call("GET", f"{self._address}/screenshot"))

    def _post(self, what: str, values: dict[str, Any]) -> Any:
        return _call("POST", f"{self._address}/{what}", values)


@contextlib.contextmanager
def started_browser(folder: Path) -> Iterator[Browser]:
    """Start a browser whose profile lies in an empty folder, and end it."""
    with subprocess.Popen([DRIVER, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as driver:
        try:
            port = _port(driver)
            options = {"binary": CHROMIUM, "args": [*_QUIET, f"--user-data-dir={folder}", "--window-size=1280,900"]}
            wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}
            base = f"http://127.0.0.1:{port}/session"
            session = _call("POST", base, {"capabilities": {"alwaysMatch": wanted}})["sessionId"]
            try:
                yield Browser(f"{base}/{session}")
            finally:
                _call("DELETE", f"{base}/{session}")
        finally:
            driver.terminate()


def _port(driver: subprocess.Popen[str]) -> int:
    assert driver.stdout is not None
    for line in driver.stdout:
        if found := re.search(r"started successfully on port (\d+)", line):
            return int(found[1])
    raise RuntimeError("chromedriver did not start")


def _call(method: str, address: str, values: dict[str, Any] | None = None) -> Any:
    body = None if values is None else json.dumps(values).encode()
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"}, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=60) as answer:
            return json.load(answer)["value"]
    except urllib.error.HTTPError as error:
        raise RuntimeError(json.load(error)["value"]["message"]) from error
