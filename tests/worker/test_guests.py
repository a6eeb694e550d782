"""Who has to leave a server that has too many connections."""

from hypothesis import given
from hypothesis import strategies as st

from pollwatch.worker.guests import Guests


class Visit:
    """A connection that remembers whether it was dropped."""

    def __init__(self, *, idle: bool = True) -> None:
        self.idle = idle
        self.dropped = False

    def is_idle(self) -> bool:
        return self.idle

    def drop(self) -> None:
        self.dropped = True


def entered(guests: Guests, *peers: str) -> list[Visit]:
    visits = []
    for peer in peers:
        visits.append(Visit())
        guests.enter(visits[-1], peer)
    return visits


def test_the_oldest_idle_one_of_who_has_most_is_dropped() -> None:
    guests = Guests(4)
    busy = Visit(idle=False)
    guests.enter(busy, "greedy")
    visits = entered(guests, "greedy", "greedy", "calm", "kubelet")
    assert [visit.dropped for visit in visits] == [True, False, False, False]
    assert not busy.dropped


def test_where_none_is_idle_the_oldest_goes() -> None:
    guests = Guests(2)
    visits = [Visit(idle=False) for _ in range(3)]
    for visit in visits:
        guests.enter(visit, "greedy")
    assert [visit.dropped for visit in visits] == [True, False, False]


def test_where_all_have_one_the_newest_stays() -> None:
    visits = entered(Guests(2), "a", "b", "c")
    assert [visit.dropped for visit in visits] == [True, False, False]


def test_one_that_left_has_made_room() -> None:
    guests = Guests(1)
    (first,) = entered(guests, "a")
    guests.leave(first, "a")
    guests.leave(first, "a")
    (second,) = entered(guests, "a")
    assert (first.dropped, second.dropped, len(guests)) == (False, False, 1)


@given(st.lists(st.sampled_from("abcd"), max_size=40), st.integers(1, 6))
def test_there_are_never_too_many_and_who_has_few_loses_none_to_who_has_more(
    peers: list[str], most: int
) -> None:
    guests = Guests(most)
    there: dict[str, list[Visit]] = {}
    for peer in peers:
        there.setdefault(peer, []).extend(entered(guests, peer))
        counts = {one: len(visits) for one, visits in there.items()}
        for one, visits in there.items():
            there[one] = [visit for visit in visits if not visit.dropped]
            assert len(there[one]) == counts[one] or counts[one] == max(counts.values())
        assert sum(map(len, there.values())) == len(guests) == min(most, sum(counts.values()))
