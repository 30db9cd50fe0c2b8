"""Works for about the given number of seconds, then fails with a traceback."""

from __future__ import annotations

import random
import sys
import time


def main() -> None:
    seconds = float(sys.argv[1])
    print("connecting to a database that is not there", flush=True)
    time.sleep(seconds * random.uniform(0.7, 1.5))
    raise ConnectionError("the database went away (as it does in this demonstration)")


if __name__ == "__main__":
    main()
