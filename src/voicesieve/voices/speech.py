"""Where speech is, and the windows that slide over it: what all detectors have in common.

A recording is read in pages. The voice-activity network says which chunks of 32 ms are speech. A window is scored for
its own chunks if enough of them are speech; to judge them, a detector also looks at the context on either side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from voicesieve.domain.sound import SAMPLE_RATE
from voicesieve.voices.activity import CHUNK, VoiceActivity
from voicesieve.voices.scores import WindowScores

ON_PROBABILITY, OFF_PROBABILITY = 0.3, 0.2
"""Speech starts and ends at these; the network's own default of 0.5 loses more children (docs/accuracy.md)."""
MIN_SPEECH_CHUNKS = 8
"""A window needs 250 ms of speech to be scored: less is a click, and too little to judge a voice by."""
PAD_CHUNKS = 3
"""100 ms kept before and after speech: the network needs some chunks to rise."""

CHUNK_S = CHUNK / SAMPLE_RATE


@dataclass(frozen=True)
class Sliding:
    """How a detector slides over a recording, in chunks of 32 ms, and what it computes of the sound on the way.

    ``hop``: a window's own chunks, and the step from one window to the next. ``context``: chunks that it looks at on
    either side. ``page``: chunks that are read at a time.

    ``describe`` turns ``past`` + n samples, float32, into rows of ``row_shape``, one for each ``row_samples`` of the n;
    the ``past`` samples come before them. ``row_samples`` must divide the samples of a hop and of the context.

    ``filled``: the last page is filled up with silence, and silence lies beyond both ends of the recording, so that all
    windows have their whole context. Without it, context ends where the recording does.
    """

    hop: int
    context: int
    page: int
    describe: Callable[[np.ndarray], np.ndarray]
    row_samples: int
    row_shape: tuple[int, ...] = ()
    past: int = 0
    filled: bool = False

    def rows(self, chunks: int) -> int:
        """The number of rows that describe so many chunks."""
        return chunks * CHUNK // self.row_samples


@dataclass(frozen=True, eq=False)
class SpeechWindow:
    """A window that holds speech, with its context.

    ``start`` and ``end``: seconds, trimmed to the speech inside. The rest includes the context: the ``rows`` that
    describe the sound, for each chunk its ``probability`` of speech, float32 (n,), and whether it is ``speech`` or
    within 100 ms of it, bool (n,), and how many ``samples`` of the recording they are.
    """

    start: float
    end: float
    rows: np.ndarray
    probability: np.ndarray
    speech: np.ndarray
    samples: int


def slide(blocks: Iterable[np.ndarray], sliding: Sliding) -> Iterator[list[SpeechWindow]]:
    """The windows that hold speech, in order of time, those of one page together.

    ``blocks``: float32 (n,) of 16 kHz mono sound that follow one another; where they are cut does not matter. Memory
    holds a page and the context of one window.
    """
    activity = VoiceActivity()
    silence = sliding.context if sliding.filled else 0
    unit = (sliding.page if sliding.filled else 1) * CHUNK
    margin = sliding.context + PAD_CHUNKS
    keep = -(-margin // sliding.hop) * sliding.hop  # whole hops, so that what is dropped has a whole number of rows
    past = np.zeros(sliding.past, np.float32)
    held = _Held.silence(sliding, -silence, silence)
    window = 0  # number of the first chunk of the next window
    samples = 0
    for page, is_last in pages(blocks, sliding.page * CHUNK):
        samples += len(page)
        sound = np.pad(page, (0, -len(page) % unit))
        probability = activity.probabilities(sound.reshape(-1, CHUNK))
        speech = speech_chunks(probability, open_before=bool(held.speech[-1:].any()))
        speech[-(-len(page) // CHUNK) :] = False
        held = held.joined(sliding.describe(np.concatenate([past, sound])), probability, speech)
        past = sound[len(sound) - sliding.past :]
        complete = held.end if is_last else held.end - sliding.hop - margin + 1
        if is_last:
            after = _Held.silence(sliding, held.end, silence)
            held = held.joined(after.rows, after.probability, after.speech)
        near_speech = widened(held.speech)
        windows = []
        while window < complete:
            own = held.speech[window - held.first :][: sliding.hop]
            if np.count_nonzero(own) >= MIN_SPEECH_CHUNKS:
                windows.append(_cut(held, near_speech, sliding, window, samples))
            window += sliding.hop
        if windows:
            yield windows
        held = held.without(window - keep - held.first, sliding)


@dataclass(frozen=True, eq=False)
class _Held:
    """The part of a recording that windows may still need. ``first``: number of its first chunk."""

    first: int
    rows: np.ndarray
    probability: np.ndarray
    speech: np.ndarray

    @classmethod
    def silence(cls, sliding: Sliding, first: int, chunks: int) -> _Held:
        rows = np.zeros((sliding.rows(chunks), *sliding.row_shape), np.float32)
        return cls(first, rows, np.zeros(chunks, np.float32), np.zeros(chunks, bool))

    @property
    def end(self) -> int:
        return self.first + len(self.speech)

    def joined(self, rows: np.ndarray, probability: np.ndarray, speech: np.ndarray) -> _Held:
        return _Held(
            self.first,
            np.concatenate([self.rows, rows]),
            np.concatenate([self.probability, probability]),
            np.concatenate([self.speech, speech]),
        )

    def without(self, chunks: int, sliding: Sliding) -> _Held:
        """All but so many chunks at its start; all of it where ``chunks`` is not positive."""
        chunks = max(0, chunks)
        rows = self.rows[sliding.rows(chunks) :]
        return _Held(self.first + chunks, rows, self.probability[chunks:], self.speech[chunks:])


def _cut(held: _Held, near_speech: np.ndarray, sliding: Sliding, window: int, samples: int) -> SpeechWindow:
    """The window whose own chunks start at number ``window``, of a recording that has ``samples`` so far."""
    own = window - held.first
    inside = window + np.flatnonzero(near_speech[own : own + sliding.hop])
    start, stop = max(0, own - sliding.context), min(len(held.speech), own + sliding.hop + sliding.context)
    return SpeechWindow(
        start=int(inside[0]) * CHUNK_S,
        end=min((int(inside[-1]) + 1) * CHUNK_S, samples / SAMPLE_RATE),
        rows=held.rows[sliding.rows(start) : sliding.rows(stop)],
        probability=held.probability[start:stop],
        speech=near_speech[start:stop],
        samples=min(samples, (held.first + stop) * CHUNK) - (held.first + start) * CHUNK,
    )


def pages(blocks: Iterable[np.ndarray], size: int) -> Iterator[tuple[np.ndarray, bool]]:
    """The same sound in pages of ``size`` samples, each with whether it is the last. Nothing at all for no sound."""
    pending = np.zeros(0, np.float32)
    for block in blocks:
        pending = np.concatenate([pending, block])
        while len(pending) > size:
            yield pending[:size], False
            pending = pending[size:]
    if len(pending):
        yield pending, True


def speech_chunks(
    probabilities: np.ndarray, on: float = ON_PROBABILITY, off: float = OFF_PROBABILITY, *, open_before: bool = False
) -> np.ndarray:
    """Which chunks are speech, bool (n,): from the first that reaches ``on`` until one falls below ``off``."""
    speech = np.zeros(len(probabilities), bool)
    is_open = open_before
    for index, probability in enumerate(probabilities.tolist()):
        is_open = probability >= (off if is_open else on)
        speech[index] = is_open
    return speech


def widened(speech: np.ndarray) -> np.ndarray:
    """``speech``, bool (n,), with 100 ms more on either side of each stretch."""
    reach = np.ones(2 * PAD_CHUNKS + 1)
    return np.convolve(speech, reach, mode="full")[PAD_CHUNKS : len(speech) + PAD_CHUNKS] > 0


def scores_of(spans: Sequence[tuple[float, float]], log_probabilities: Sequence[np.ndarray]) -> WindowScores:
    """Scores of windows from their (start, end) seconds and batches (n, 4) of log-probabilities, in the same order."""
    if not spans:
        return WindowScores.empty()
    times = np.array(spans, np.float32)
    return WindowScores(times[:, 0].copy(), times[:, 1].copy(), np.concatenate(log_probabilities))
