"""What a test does beside itself, and waiting for what comes of it."""

import threading
import time

LONG = 60.0  # Nothing here takes so long, save on a machine with other things to do.


def wait_for(condition, seconds=LONG):
    """What `condition` gives, once it is true."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def in_background(call):
    """A thread, and the list that takes what the call returns, or its error."""
    result = []

    def run():
        try:
            result.append(call())
        except BaseException as error:
            result.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, result
