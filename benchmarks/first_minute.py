"""The first minute: from starting Python to the first proposal of the example, two clicks in a real window.

xvfb-run -a -s "-screen 0 1280x800x24" python benchmarks/first_minute.py [--rounds 5]

Every round is a process of its own, after one that does not count and leaves compiled modules, as pip does. Clicks come
at once: what a person takes to find the buttons is not in it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

STEPS = ("window", "dock", "example", "proposal")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--child", type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(one_round(options.child)))
        return
    rounds = [child() for _ in range(1 + options.rounds)][1:]
    for name in STEPS:
        times = [found[name] for found in rounds]
        print(f"{name:10s} median {statistics.median(times):6.2f} s   longest {max(times):6.2f} s")
    print(f"torch imported by the dock: {any(found['torch'] for found in rounds)}")


def child() -> dict[str, Any]:
    compiled = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    output = subprocess.check_output([sys.executable, __file__, "--child", str(time.time())], env=compiled)
    found: dict[str, Any] = json.loads(output.splitlines()[-1])
    return found


def one_round(started: float) -> dict[str, Any]:
    """Seconds from the start to the window, of opening the dock and the example, and from the start to a proposal."""
    import napari
    from qtpy.QtWidgets import QApplication, QPushButton

    found: dict[str, Any] = {}
    viewer = napari.Viewer()
    QApplication.processEvents()
    found["window"] = time.time() - started
    with tempfile.TemporaryDirectory() as folder:
        begin = time.time()
        from napari_gfsam.widgets.dock import Dock

        dock = Dock(viewer, Path(folder))
        viewer.window.add_dock_widget(dock, name="GF-SAM")
        QApplication.processEvents()
        found["dock"], found["torch"] = time.time() - begin, "torch" in sys.modules

        def click(text: str) -> None:
            while True:  # what was opened shows its button a moment later
                QApplication.processEvents()
                buttons = [one for one in dock.findChildren(QPushButton) if one.isVisible() and text in one.text()]
                if buttons and buttons[0].isEnabled():
                    buttons[0].click()
                    return

        begin = time.time()
        click("Try an example")
        found["example"] = time.time() - begin
        click("Run on")
        while dock.desk.session.queue.current is None:
            QApplication.processEvents()
            time.sleep(0.005)
        found["proposal"] = time.time() - started
        viewer.close()
    return found


if __name__ == "__main__":
    main()
