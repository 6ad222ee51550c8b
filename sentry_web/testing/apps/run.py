"""Execution of a script, as far as it is common to the protocols: acts, and background work."""

from __future__ import annotations

import contextvars
import threading

from sentry_web.testing.script import Script
from sentry_web.testing.steps import Act, SpawnThread, Step, StopReading
from sentry_web.testing.transcript import Call, TranscriptWriter

BACKGROUND_TIMEOUT = 5.0  # seconds that background work waits for the end of its request


class Run:
    """The execution of a script for one request."""

    def __init__(self, script: Script, recorder: TranscriptWriter) -> None:
        self.script = script
        self.recorder = recorder
        self.reading = True

    def common(self, step: Step) -> bool:
        """Execute a step that is the same in all protocols; return ``False`` for any other step."""
        if isinstance(step, Act):
            step.act(self.recorder)
        elif isinstance(step, StopReading):
            self.reading = False
        elif isinstance(step, SpawnThread):
            self.spawn_thread(step.steps)
        else:
            return False
        return True

    def spawn_thread(self, steps: tuple[Act, ...]) -> None:
        def work() -> None:
            self.recorder.over.wait(BACKGROUND_TIMEOUT)
            self.in_background(steps)

        thread = threading.Thread(target=contextvars.copy_context().run, args=(work,), daemon=True)
        self.recorder.threads.append(thread)
        thread.start()

    def in_background(self, steps: tuple[Act, ...]) -> None:
        aside = TranscriptWriter(calls=self.recorder.background)  # kept apart from the calls, since its order varies
        try:
            for step in steps:
                step.act(aside)
        except Exception as error:  # there is no server to which it could propagate
            self.recorder.background.append(Call("background", "raised", (repr(error),)))
        self.recorder.background.append(Call("background", "done"))
