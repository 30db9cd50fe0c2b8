"""``handover.py SOCKET DIE --keeper-fd N``: in the place of a daemon; gives its link to the test, and waits.

Where the file DIE exists it exits at once, with the number in it.
"""

from __future__ import annotations

import array
import os
import signal
import socket
import sys

path, die, fd = sys.argv[1], sys.argv[2], int(sys.argv[4])
if os.path.exists(die):
    with open(die) as file:
        os._exit(int(file.read()))
with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as test:
    test.connect(path)
    test.sendmsg(
        [str(os.getpid()).encode()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))]
    )
while True:
    signal.pause()
