"""A one-shot: ten steps, then success."""

from __future__ import annotations

import time


def main() -> None:
    for step in range(1, 11):
        print(f"step {step} of 10")
        time.sleep(0.05)
    print("all tables are up to date")


if __name__ == "__main__":
    main()
