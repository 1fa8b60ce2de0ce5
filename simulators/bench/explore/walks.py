"""Treatments from end to end, move by move: from every point of them the exploration starts.

One without a fault; one that is held, stopped and resumed; one that goes to another site; one that
nobody can account for; one that is stopped and flushed slowly.
"""

from itertools import accumulate
from typing import Final

HOT_LAB: Final = ("order ab", "ask assay ab", "reading good", "release ab",
                  "to the bedside ab cd", "release cd")  # fmt: skip
SALINE: Final = ("patency run ab saline 10 mL 14430", "prepared", "run started", "polls to the end",
                 "stop confirmed", "patency ab True False")  # fmt: skip
SEAT: Final = ("seat run ab cd", "prepared", "run started", "poll", "poll", "drop seen ab True",
               "stop confirmed", "connected ab True")  # fmt: skip
START: Final = ("poll", "start ab", "confirm start ab", "run started")
ARM: Final = ("arm ab", "prepared", *START)
FLUSH: Final = ("flush run ab saline 10 mL 14430 cd", "prepared", "run started", "polls to the end",
                "stop confirmed")  # fmt: skip
ACCOUNT: Final = ("measure ab background", "reading good", "to the hot lab ab cd",
                  "measure ab syringe_and_line", "reading good", "survey ab False",
                  "close ab")  # fmt: skip
TO_DRUG: Final = (*HOT_LAB, *SALINE, *SEAT, *ARM, "polls 6 s")
STOPPED: Final = ("STOP nobody panel", "stop confirmed", "acknowledge ab -")
WALKS: Final = (
    (*TO_DRUG, "polls to the end", "stop confirmed", *FLUSH, *ACCOUNT),
    (*TO_DRUG, "hold ab toilet", "stop confirmed", "resume ab False", "prepared", *START,
     *STOPPED, "resume ab False", "resume cd False", "prepared", *START, "polls to the end",
     "stop confirmed", *FLUSH, *ACCOUNT),
    (*TO_DRUG, *STOPPED, *SALINE, "resume new site ab True", "resume new site cd True", *SEAT,
     *ARM, "polls 6 s"),
    (*TO_DRUG, "write lost", "recovered, no counter", "bounded by two", "acknowledge ab -",
     "resume ab False", "resume cd False", "prepared", *START),
    (*TO_DRUG, *STOPPED, *FLUSH[:3], "poll", "pain ab", "stop confirmed", "acknowledge ab -",
     "end ab medical"),
    (*TO_DRUG, "boot, 0 events lost", "recovered", "acknowledge ab -", "flushed ab 150000"),
)  # fmt: skip

STATIONS: Final = tuple(
    way for walk in WALKS for way in accumulate(((name,) for name in walk), initial=())
)
"""Every point of every walk, by the way there."""
