"""What a card has of its own, and the toy's sound: one turned into the other."""

from __future__ import annotations

import array
import math

import pytest
from audio_material import rms, scaled, speech
from hypothesis import given, settings
from hypothesis import strategies as st

from pommai.io.card_format import TOYS_OWN, CardFormat, formats, from_card, mean, to_card
from pommai.io.loudness import Loudness
from pommai.protocol.audio import FRAME_BYTES, FRAME_SAMPLES

CARDS = [CardFormat(rate, channels) for rate in (16_000, 44_100, 48_000) for channels in (1, 2, 6)]
samples_16 = st.integers(-32_768, 32_767)


def samples(data: bytes) -> array.array[int]:
    return array.array("h", data)


def test_the_toys_own_format_is_asked_for_first_then_its_rate_then_what_the_card_names() -> None:
    assert formats(1, 48_000.0)[:3] == [TOYS_OWN, CardFormat(48_000, 1), CardFormat(44_100, 1)]
    assert formats(2, 44_100.0)[:4] == [TOYS_OWN, CardFormat(16_000, 2), CardFormat(44_100, 1), CardFormat(44_100, 2)]
    assert CardFormat(48_000, 4) in formats(4, 48_000.0)
    assert CardFormat(8_000, 1) == formats(1, 8_000.0)[1], "a headset's"
    assert {card.channels for card in formats(128, 44_100.0)} == {1, 2}
    assert formats(0, 48_000.0) == []


@given(st.integers(0, 200), st.floats(0, 1e6))
def test_whatever_is_tried_has_whole_pieces_of_20_ms_and_is_tried_once(channels: int, rate: float) -> None:
    tried = formats(channels, rate)
    assert len(set(tried)) == len(tried)
    assert all(card.rate == card.frame_samples * 50 and card.channels <= channels for card in tried)


def test_a_format_is_told_in_words() -> None:
    assert [str(CardFormat(48_000, count)) for count in (1, 2)] == ["48,000 Hz, 1 channel", "48,000 Hz, 2 channels"]


def test_where_rate_and_channels_agree_the_very_frame_passes() -> None:
    frame = speech()[10]
    assert from_card(TOYS_OWN)(frame) is frame
    assert to_card(TOYS_OWN)(frame) is frame


def test_where_the_rate_agrees_nothing_is_delayed() -> None:
    stereo = CardFormat(16_000, 2)
    play, hear = to_card(stereo), from_card(stereo)
    for frame in speech():
        assert hear(play(frame)) == frame


@pytest.mark.parametrize("card", CARDS, ids=str)
def test_what_a_card_plays_and_hears_is_what_was_said(card: CardFormat) -> None:
    play, hear = to_card(card), from_card(card)
    said, heard = speech()[:100], []
    for frame in said:
        data = play(frame)
        assert len(data) == 2 * card.frame_samples * card.channels
        heard.append(hear(data))
    assert {len(frame) for frame in heard} == {FRAME_BYTES}
    late = 0 if card.rate == 16_000 else 64
    a, b = samples(b"".join(said))[: -late or None], samples(b"".join(heard))[late:]
    noise = array.array("h", [x - y for x, y in zip(a, b, strict=True)])
    assert rms(noise) < rms(a) / 15


def test_only_the_first_two_channels_sound_and_both_alike() -> None:
    wide = samples(to_card(CardFormat(48_000, 6))(speech()[60]))
    assert wide[0::6] == wide[1::6]
    assert any(wide[0::6])
    assert not any(any(wide[channel::6]) for channel in range(2, 6))


def test_a_microphone_that_is_covered_leaves_the_other_one() -> None:
    frame = speech()[60]
    one_deaf = array.array("h", bytes(2 * FRAME_BYTES))
    one_deaf[1::2] = samples(frame)
    heard = samples(from_card(CardFormat(16_000, 2))(one_deaf.tobytes()))
    assert rms(heard) == pytest.approx(rms(samples(frame)) / 2, rel=0.01)


@given(st.lists(st.tuples(samples_16, samples_16), min_size=1, max_size=3840))
def test_the_mean_of_two_sounds_is_that_of_each_pair_of_samples(pairs: list[tuple[int, int]]) -> None:
    one, other = (array.array("h", column) for column in zip(*pairs, strict=True))
    assert samples(mean(one.tobytes(), other.tobytes())).tolist() == [(a + b) // 2 for a, b in pairs]


@settings(max_examples=60, deadline=None)
@given(
    card=st.sampled_from(CARDS),
    ceiling=st.sampled_from([0.05, 0.3, 0.8]),
    frames=st.lists(
        st.one_of(
            st.none(),
            st.lists(samples_16, min_size=1, max_size=40),
            st.sampled_from([[32_767, -32_768], [32_767] * 3 + [-32_768] * 3, [0] * 319 + [-32_768]]),
        ),
        max_size=12,
    ),
)
def test_no_sample_at_the_card_exceeds_the_ceiling_whatever_is_played(
    card: CardFormat, ceiling: float, frames: list[list[int] | None]
) -> None:
    loudness, play = Loudness(1.0, ceiling), to_card(card)
    for made in frames:
        if made is None:
            data = play(None)
        else:
            pcm = array.array("h", (made * FRAME_SAMPLES)[:FRAME_SAMPLES]).tobytes()
            data = play(loudness.apply(pcm))
        assert max(map(abs, samples(data))) <= loudness.highest + 1, "but for rounding down"


def test_the_loudness_of_speech_is_the_same_at_any_card() -> None:
    loud = scaled(speech()[:100], 3)
    limiter = Loudness(1.0, 0.5)
    limited = [limiter.apply(frame) for frame in loud]
    at_16 = rms(samples(b"".join(limited)))
    for card in CARDS:
        played = samples(b"".join(map(to_card(card), limited)))
        level = rms(played[0 :: card.channels])
        assert 20 * math.log10(level / at_16) == pytest.approx(0, abs=0.1)


def test_silence_is_silence_and_costs_nothing_once_the_sound_has_left_the_resampler() -> None:
    play = to_card(CardFormat(48_000, 2))
    play(speech()[60])
    tail = [play(None) for _ in range(4)]
    assert any(tail[0]), "what the resampler still held"
    assert not any(tail[2])
    assert tail[3] is play(None), "no call for it"
