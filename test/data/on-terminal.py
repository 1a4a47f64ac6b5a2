"""on-terminal.py WORD KEYS COMMAND… - run COMMAND on a terminal of its own; when it has written WORD, type KEYS; exit as it does.

KEYS are as in a C string: '\\x03' is Ctrl-C.  What COMMAND writes goes to stdout.
"""
import os
import pty
import sys

word, keys = sys.argv[1].encode(), sys.argv[2].encode().decode("unicode_escape").encode()
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[3], sys.argv[3:])
seen = b""
while True:
    try:
        data = os.read(fd, 4096)
    except OSError:         # EIO: the last one on the terminal has left
        break
    seen += data
    os.write(1, data)
    if keys and word in seen:
        os.write(fd, keys)
        keys = b""
status = os.waitpid(pid, 0)[1]
sys.exit(os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))
