"""A broker that is broken on purpose: a device's terminal goes on, however slow who looks at it."""

import sys

from server.__main__ import main
from server.doors.shell_view import ShellView

if __name__ == "__main__":
    ShellView.writable = lambda view, can: None  # type: ignore[method-assign, assignment]
    sys.exit(main())
