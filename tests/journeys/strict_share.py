"""The broker with no share for a flood while somebody types, ever after the first key: a flood that
stands back stands still, so that a test need not measure how fast it is."""

import sys

from server.__main__ import main
from server.live import share

if __name__ == "__main__":
    share.TYPING_S = share.LONGEST_S = 3600.0
    share.SHOWN = share.FILES = share.OWN = 1e-9
    share.OWN_AT_ONCE_S = 0.2  # an echo that a loaded machine holds up is no flood
    sys.exit(main())
