"""What the hosts of the tests run beside real servers: a process of that name.

program.py NAME leak PORT SECONDS      accepts, and closes nothing for so long
program.py NAME crawl ADDRESS PORT N   connects so often, and closes first
"""

import ctypes
import socket
import sys
import time

PR_SET_NAME = 15
name, does, *arguments = sys.argv[1:]
ctypes.CDLL(None).prctl(PR_SET_NAME, name.encode(), 0, 0, 0)

if does == "leak":
    port, seconds = int(arguments[0]), float(arguments[1])
    listener = socket.create_server(("", port))
    listener.settimeout(0.1)
    kept, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            kept.append(listener.accept())
        except TimeoutError:
            pass
else:
    address, port, times = arguments[0], int(arguments[1]), int(arguments[2])
    for _ in range(times):
        try:
            with socket.create_connection((address, port), timeout=5) as it:
                it.sendall(b"GET / HTTP/1.0\r\n")
        except OSError:
            pass
