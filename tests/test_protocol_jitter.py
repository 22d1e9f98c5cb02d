"""The jitter buffer: order, loss, starvation, and that it always comes to an end."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pommai.protocol.jitter import MAX_CONCEALED, PATIENCE, End, JitterBuffer, Missing, NotYet, Packet
from pommai.protocol.limits import MAX_NUMBER
from pommai.protocol.messages import DownAudio


def frame(sequence: int, *, final: bool = False) -> DownAudio:
    return DownAudio(7, sequence, sequence.to_bytes(4, "big"), final)


def end_marker(sequence: int) -> DownAudio:
    return DownAudio(7, sequence, b"", final=True)


def fill(buffer: JitterBuffer, *sequences: int) -> JitterBuffer:
    for sequence in sequences:
        buffer.push(frame(sequence))
    return buffer


def drain(buffer: JitterBuffer, pops: int = 100_000) -> list[int | None]:
    """Plays to the end: numbers of the frames, None for a concealed one."""
    played: list[int | None] = []
    for _ in range(pops):
        match buffer.pop():
            case Packet(packet):
                played.append(int.from_bytes(packet, "big"))
            case Missing():
                played.append(None)
            case End():
                return played
            case NotYet():
                pass
    raise AssertionError(f"no end after {pops} pops; played {played[:50]}")


def test_nothing_is_played_before_three_frames_are_here() -> None:
    buffer = fill(JitterBuffer(), 0, 1)
    assert buffer.pop() == NotYet()
    fill(buffer, 2)
    assert [buffer.pop() for _ in range(3)] == [Packet(frame(n).packet) for n in range(3)]


def test_an_answer_shorter_than_the_prebuffer_starts_as_soon_as_it_is_complete() -> None:
    buffer = fill(JitterBuffer(), 0)
    buffer.push(frame(1, final=True))
    assert [buffer.pop() for _ in range(4)] == [Packet(frame(0).packet), Packet(frame(1).packet), End(), End()]


def test_an_answer_of_nothing_but_its_end_is_over_at_once() -> None:
    buffer = JitterBuffer()
    assert buffer.push(end_marker(0))
    assert buffer.pop() == End()


def test_a_lonely_frame_is_played_when_patience_is_over() -> None:
    buffer = fill(JitterBuffer(), 0)
    assert [buffer.pop() for _ in range(PATIENCE)] == [NotYet()] * PATIENCE
    assert buffer.pop() == Packet(frame(0).packet)


def test_the_first_syllable_waits_for_a_first_frame_that_was_overtaken() -> None:
    buffer = fill(JitterBuffer(), 1, 2)
    assert buffer.pop() == NotYet()
    fill(buffer, 0)
    buffer.push(frame(3, final=True))
    assert drain(buffer) == [0, 1, 2, 3]


def test_a_lost_frame_is_concealed_from_the_next_one() -> None:
    buffer = fill(JitterBuffer(), 0, 1, 2)
    for _ in range(3):
        buffer.pop()
    fill(buffer, 4, 5, 6)
    assert buffer.pop() == Missing(frame(4).packet)
    assert buffer.pop() == Packet(frame(4).packet)


def test_only_the_last_of_several_lost_frames_has_a_next_one_to_conceal_from() -> None:
    buffer = fill(JitterBuffer(), 0, 3, 4, 5)
    assert [buffer.pop() for _ in range(4)] == [
        Packet(frame(0).packet),
        Missing(None),
        Missing(frame(3).packet),
        Packet(frame(3).packet),
    ]


def test_a_frame_that_the_server_lost_is_concealed_without_waiting() -> None:
    buffer = fill(JitterBuffer(), 0, 2, 3)
    buffer.push(DownAudio(7, 1, b"", conceal=True))
    assert [buffer.pop(), buffer.pop()] == [Packet(frame(0).packet), Missing(frame(2).packet)]


def test_a_lost_frame_near_the_end_costs_no_more_than_the_patience() -> None:
    buffer = fill(JitterBuffer(), 0, 1, 2, 3)
    buffer.push(frame(5, final=True))
    answers = [buffer.pop() for _ in range(4 + PATIENCE + 3)]
    assert answers[-3:] == [Missing(frame(5).packet), Packet(frame(5).packet), End()]


def test_running_dry_waits_for_the_prebuffer_again_instead_of_stuttering() -> None:
    buffer = fill(JitterBuffer(), 0, 1, 2)
    assert [type(buffer.pop()) for _ in range(4)] == [Packet, Packet, Packet, NotYet]
    fill(buffer, 3)
    assert buffer.pop() == NotYet()
    fill(buffer, 4, 5)
    assert [type(buffer.pop()) for _ in range(3)] == [Packet] * 3


def test_a_stream_that_dries_up_without_an_end_counts_how_long() -> None:
    buffer = fill(JitterBuffer(), 0, 1, 2)
    for _ in range(3 + 250):
        buffer.pop()
    assert buffer.starved == 250
    fill(buffer, 3, 4, 5)
    buffer.pop()
    assert buffer.starved == 0


def test_a_late_frame_and_a_second_copy_are_dropped_and_counted() -> None:
    buffer = fill(JitterBuffer(), 0, 1, 2, 2)
    buffer.pop()
    assert not buffer.push(frame(0))
    assert (buffer.duplicates, buffer.late) == (1, 1)


def test_a_stream_that_starts_at_any_number_starts_after_a_fifth_of_a_second() -> None:
    buffer = fill(JitterBuffer(), 5000, 5001)
    buffer.push(frame(5002, final=True))
    assert drain(buffer) == [None] * MAX_CONCEALED + [5000, 5001, 5002]
    assert buffer.skipped == 5000 - MAX_CONCEALED


def test_an_end_marker_without_a_number_of_its_own_ends_after_all_there_is() -> None:
    buffer = fill(JitterBuffer(), 0, 1, 2, 3)
    buffer.push(end_marker(0))
    assert drain(buffer) == [0, 1, 2, 3]


def test_an_answer_that_comes_in_one_burst_is_played_whole() -> None:
    buffer = fill(JitterBuffer(), *range(3000))
    buffer.push(end_marker(3000))
    assert drain(buffer) == list(range(3000))


def test_an_answer_larger_than_the_buffer_is_cut_once_and_ends_there() -> None:
    buffer = fill(JitterBuffer(capacity=100), *range(100))
    buffer.pop()
    assert buffer.push(frame(100))
    assert not buffer.push(frame(101))
    for _ in range(50):
        buffer.pop()
    assert not buffer.push(frame(102)), "a hole would be worse than an early end"
    assert drain(buffer) == list(range(51, 101))
    assert buffer.refused == 2


def test_a_full_buffer_still_lets_an_overtaken_frame_into_its_place() -> None:
    buffer = fill(JitterBuffer(capacity=5), 0, 1, 3, 4, 5)
    assert buffer.push(frame(2))
    assert drain(buffer) == [0, 1, 2, 3, 4]


@st.composite
def journeys(draw: st.DrawFn) -> tuple[int, list[int], set[int], bool]:
    """Frames in an answer, the order they arrive in (each displaced by at most a few), the lost ones, and whether an
    empty frame marks the end."""
    count = draw(st.integers(1, 60))
    marker = draw(st.booleans())
    last = count if marker else count - 1
    lost = draw(st.sets(st.integers(0, last - 1), max_size=8)) if last else set()
    slots = draw(st.lists(st.integers(0, 4), min_size=last + 1, max_size=last + 1))
    order = [n for n in sorted(range(last + 1), key=lambda n: (n + slots[n], n)) if n not in lost]
    for place in draw(st.lists(st.integers(0, len(order) - 1), max_size=5)):
        order.append(order[place])
    return count, order, lost, marker


@given(journeys(), st.randoms(use_true_random=False), st.integers(0, 3))
def test_whatever_the_journey_frames_come_out_in_order_and_once_and_then_the_end(journey, random, pace) -> None:
    count, order, _, marker = journey
    buffer = JitterBuffer()
    played: list[int | None] = []

    def pop() -> bool:
        match buffer.pop():
            case Packet(packet):
                played.append(int.from_bytes(packet, "big"))
            case Missing():
                played.append(None)
            case End():
                return True
            case _:
                pass
        return False

    for sequence in order:
        last = sequence == (count if marker else count - 1)
        buffer.push(end_marker(count) if marker and last else frame(sequence, final=last))
        for _ in range(random.randint(0, pace)):
            pop()
    pops = 0
    while not pop():
        pops += 1
        assert pops <= (count + 1) * (PATIENCE + 1), "stuck although the final frame was seen"
    numbers = [n for n in played if n is not None]
    assert numbers == sorted(set(numbers))
    assert len(played) <= count
    for place, number in enumerate(played):
        assert number is None or number >= place, "a frame came out before its place"


@given(st.permutations(list(range(12))), st.booleans())
def test_any_order_within_the_prebuffer_plays_as_if_nothing_had_happened(order, marker) -> None:
    buffer = JitterBuffer(prebuffer=12)
    for sequence in order:
        buffer.push(frame(sequence, final=sequence == 11 and not marker))
    if marker:
        buffer.push(end_marker(12))
    assert drain(buffer) == list(range(12))


numbers = st.one_of(st.integers(0, 40), st.integers(0, MAX_NUMBER))
strange = st.builds(DownAudio, st.just(7), numbers, st.sampled_from([b"", b"x"]), st.booleans(), st.booleans())


@given(st.lists(st.one_of(strange, st.none()), max_size=80))
def test_whatever_a_server_sends_memory_is_bounded_and_a_final_frame_leads_to_the_end(steps) -> None:
    buffer = JitterBuffer(capacity=10)
    for step in steps:
        if step is None:
            buffer.pop()
        else:
            buffer.push(step)
        assert buffer.held <= 10
    buffer.push(end_marker(5))
    drain(buffer, pops=(10 + 2) * (MAX_CONCEALED + PATIENCE + 2))
    assert buffer.held == 0 or buffer.pop() == End()
