"""What a process that probes asks of its runtime, once, before it starts."""

import gc
import resource
import sys

PER_PROBE = 3
"""A connection, its rival (RFC 8305) or a lookup, and room for the scrapes and files of the process."""
MOST_PROBES = 2_000
"""More under way at a time would mean that most are waiting for the one core: each holds some 10 kB."""
YOUNG_OBJECTS = 20_000
"""So many more objects made than freed start a collection; Python's own 700 would be one for each ten
probes under way."""
TURN = 0.0005
"""Seconds that a thread may compute while another one wants to."""


def prepare_process() -> int:
    """Set up the process, and give how many probes it may have under way at a time.

    A probe leaves no reference cycle behind, so collections find nothing: they are made rare.
    Without that they cost a tenth of the CPU of a busy worker.
    """
    gc.set_threshold(YOUNG_OBJECTS, *gc.get_threshold()[1:])
    return affordable_probes(raise_descriptor_limit())


def take_turns() -> None:
    """Have the interpreter go to the thread that waits for it soon.

    A loop that waits for others gives the interpreter away each time, and gets it back after 5 ms from a
    thread that computes, by default: it comes to a hundred waits a second while thousands of objects are
    taken in beside it.
    """
    sys.setswitchinterval(TURN)


def raise_descriptor_limit() -> int:
    """Raise the soft limit on open files to the hard one, and give it.

    The soft limit is 1,024 on most systems, for the sake of select(2), which nothing here uses.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_PROBES * PER_PROBE if hard == resource.RLIM_INFINITY else hard
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    return MOST_PROBES * PER_PROBE if soft == resource.RLIM_INFINITY else soft


def affordable_probes(descriptors: int) -> int:
    """Give how many probes may be under way at a time with so many file descriptors."""
    return max(1, min(MOST_PROBES, descriptors // PER_PROBE))
