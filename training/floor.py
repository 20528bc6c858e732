"""Make ``src/voicesieve/voices/floor.json``: the weights of the floor detector, from open corpora, on one core.

    OPENBLAS_NUM_THREADS=1 python training/floor.py --corpora DIR

DIR holds ``speechocean762``, ``common-voice-vi``, ``esc-10`` and ``donate-a-cry``, each with a ``metadata.csv`` whose
``path`` column is relative to it. The run is seeded and prints the figures that ``docs/accuracy.md`` quotes, measured
on speakers, sound folds and devices that training never saw.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from training.corpora import ATTRIBUTION, GRAIN, Clip, read_clips
from voicesieve.domain.sound import SAMPLE_RATE
from voicesieve.voices import floor
from voicesieve.voices.activity import CHUNK, VoiceActivity
from voicesieve.voices.features import NAMES
from voicesieve.voices.pooling import CORPUS, DISCOVER, pool
from voicesieve.voices.scores import CHILD, CLASSES, MAN, NONSPEECH, WOMAN
from voicesieve.voices.speech import OFF_PROBABILITY, ON_PROBABILITY, speech_chunks

SEED = 762
PASSES = 3
"""Randomised copies of each clip."""
WARPED_SHARE = 0.2
"""Share of speech examples whose warp moves the label. Between 0 and 0.3 it lowers the held-out AUC of children against
women by 0.04 and raises the share of men sped up by half that score as a child from 0.60 to 0.81."""
MASSES = {
    frozenset({CHILD}): 1.0,
    frozenset({WOMAN}): 1.0,
    frozenset({MAN}): 1.0,
    frozenset({WOMAN, MAN}): 0.7,
    frozenset({NONSPEECH}): 1.0,
}
"""How much each kind of example weighs in total, however many there are of it."""
MUSIC_PIECES = 150
HIDDEN = 24
"""Units between features and classes. A plain softmax model falls 0.04 behind in AUC, 48 units gain nothing."""
STEPS = 2_500
BATCH = 512
WEIGHT_DECAY = 0.3
OUTPUT = Path(__file__).parents[1] / "src/voicesieve/voices/floor.json"


@dataclass(frozen=True, eq=False)
class Windows:
    """Feature vectors (n, features), allowed classes (n, 4) as 0 or 1, and how often each is drawn (n,), sum 1."""

    vectors: np.ndarray
    allowed: np.ndarray
    chances: np.ndarray


# ---------------------------------------------------------------- music


def pieces_of_music() -> Iterator[Clip]:
    for index in range(MUSIC_PIECES):
        sound = music(np.random.default_rng([SEED, index]), 8.0)
        yield Clip(sound, frozenset({NONSPEECH}), "music", index % 4 == 0)


def music(rng: np.random.Generator, seconds: float) -> np.ndarray:
    """A piece of synthesised music: chords or a melody of plucked, blown or sung-like notes, at times with drums."""
    out = np.zeros(int(seconds * SAMPLE_RATE), np.float32)
    beat = int(rng.uniform(0.12, 0.6) * SAMPLE_RATE)
    scale = 110 * 2 ** (rng.integers(0, 24) / 12) * 2 ** (np.array([0, 2, 4, 7, 9, 12, 14, 16]) / 12)
    notes_at_once = rng.integers(1, 5)
    tilt, decay, vibrato = rng.uniform(0.5, 2.5), rng.uniform(0.5, 12), rng.choice([0, 0, 0.006, 0.02])
    drums = rng.random() < 0.4
    for start in range(0, len(out), beat):
        length = min(int(beat * rng.uniform(0.8, 3)), len(out) - start)
        time = np.arange(length) / SAMPLE_RATE
        envelope = np.exp(-decay * time) * np.minimum(1, time * rng.uniform(20, 200))
        for pitch in rng.choice(scale, notes_at_once):
            phase = 2 * np.pi * pitch * (time + vibrato * np.sin(2 * np.pi * 5.5 * time) / (2 * np.pi * 5.5))
            for harmonic in range(1, 16):
                if harmonic * pitch < 7_500:
                    wave = np.sin(harmonic * phase + rng.uniform(0, 6)) * envelope
                    out[start : start + length] += wave / harmonic**tilt
        if drums:
            out[start : start + length] += rng.normal(0, 1, length) * np.exp(-40 * time)
    return out / (np.abs(out).max() + 1e-9)


# ---------------------------------------------------------------- randomised copies


def randomised(clip: Clip, noises: Sequence[np.ndarray], rng: np.random.Generator) -> Clip:
    """A copy as if spoken by somebody else into another microphone: warp, crop, equaliser, noise, gain."""
    clip = _warped(clip, rng)
    sound = _cropped(clip.sound, rng)
    return replace(clip, sound=channel(sound, noises, rng))


def _warped(clip: Clip, rng: np.random.Generator) -> Clip:
    """Resample, which moves pitch and formants together; large factors make another class of speaker."""
    moves = rng.random() < WARPED_SHARE
    if clip.classes == {CHILD}:
        low, high, classes = (0.72, 0.84, {WOMAN, MAN}) if moves else (1.0, 1.08, {CHILD})
    elif clip.classes == {WOMAN}:
        low, high, classes = (1.18, 1.38, {CHILD}) if moves else (0.94, 1.0, {WOMAN})
    elif clip.classes == {MAN}:
        low, high, classes = (1.45, 1.75, {CHILD}) if moves else (0.95, 1.05, {MAN})
    else:
        low, high, classes = 0.95, 1.05, set(clip.classes)
    return replace(clip, sound=resampled(clip.sound, rng.uniform(low, high)), classes=frozenset(classes))


def resampled(sound: np.ndarray, factor: float) -> np.ndarray:
    """``sound`` played about ``factor`` times as fast, through its spectrum: no alias, no image."""
    length = max(1, round(len(sound) / factor / GRAIN)) * GRAIN
    spectrum = np.fft.rfft(sound)
    bins = np.zeros(length // 2 + 1, spectrum.dtype)
    shared = min(len(bins), len(spectrum))
    bins[:shared] = spectrum[:shared]
    return (np.fft.irfft(bins, length) * (length / len(sound))).astype(np.float32)


def _cropped(sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """1.2 to 6 s from anywhere, so that length tells nothing: children's clips are shorter than adults'."""
    length = int(rng.uniform(1.2, 6.0) * SAMPLE_RATE) // GRAIN * GRAIN
    start = rng.integers(0, max(1, len(sound) - length))
    return sound[start : start + length]


def channel(sound: np.ndarray, noises: Sequence[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """Another room and microphone: random equaliser, band limit, stationary noise, at times music, gain."""
    hz = np.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE)
    knots = np.geomspace(60, 8_000, 6)
    curve_db = np.interp(np.log(hz + 1), np.log(knots), rng.uniform(-8, 8, len(knots)))
    if rng.random() < 0.35:
        curve_db -= 40 * (hz > rng.uniform(3_300, 7_500))
    out = np.fft.irfft(np.fft.rfft(sound) * 10 ** (curve_db / 20), len(sound))
    level = np.sqrt(np.mean(out**2)) + 1e-9
    out = out + _stationary_noise(len(out), rng) * level * 10 ** (-rng.uniform(8, 60) / 20)
    if rng.random() < 0.2:
        piece = np.resize(noises[rng.integers(len(noises))], len(out))
        out = out + piece / (np.sqrt(np.mean(piece**2)) + 1e-9) * level * 10 ** (-rng.uniform(5, 20) / 20)
    out = out / (np.abs(out).max() + 1e-9) * 10 ** (-rng.uniform(1, 25) / 20)
    return out.astype(np.float32)


def _stationary_noise(length: int, rng: np.random.Generator) -> np.ndarray:
    spectrum = np.fft.rfft(rng.normal(0, 1, length))
    shape = np.arange(1, len(spectrum) + 1) ** -rng.uniform(0, 0.75)
    noise = np.fft.irfft(spectrum * shape, length)
    return noise / (np.sqrt(np.mean(noise**2)) + 1e-9)


# ---------------------------------------------------------------- features and training


def windows_of(clips: Sequence[Clip]) -> Windows:
    vectors, kinds = [], []
    for clip in clips:
        for _, _, vector in floor.speech_windows([clip.sound]):
            vectors.append(vector)
            kinds.append(clip.classes)
    sizes = Counter(kinds)
    chances = np.array([MASSES[kind] / sizes[kind] for kind in kinds])
    allowed = np.array([[float(index in kind) for index in range(len(CLASSES))] for kind in kinds])
    return Windows(np.array(vectors), allowed, chances / chances.sum())


def train(windows: Windows, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Weights by Adam on the cross-entropy over the allowed classes."""
    mean, scale = windows.vectors.mean(axis=0), windows.vectors.std(axis=0) + 1e-6
    inputs = np.clip((windows.vectors - mean) / scale, -floor.CLIP, floor.CLIP)
    weights = {
        "hidden": rng.normal(0, 1 / np.sqrt(len(NAMES)), (len(NAMES), HIDDEN)),
        "hidden_bias": np.zeros(HIDDEN),
        "output": np.zeros((HIDDEN, len(CLASSES))),
        "output_bias": np.zeros(len(CLASSES)),
    }
    first = {name: np.zeros_like(value) for name, value in weights.items()}
    second = {name: np.zeros_like(value) for name, value in weights.items()}
    for step in range(1, STEPS + 1):
        rate = 3e-3 * 0.5 * (1 + np.cos(np.pi * step / STEPS))
        batch = rng.choice(len(inputs), BATCH, p=windows.chances)
        gradients = _gradients(weights, inputs[batch], windows.allowed[batch])
        for name, gradient in gradients.items():
            first[name] = 0.9 * first[name] + 0.1 * gradient
            second[name] = 0.999 * second[name] + 0.001 * gradient**2
            move = first[name] / (1 - 0.9**step) / (np.sqrt(second[name] / (1 - 0.999**step)) + 1e-8)
            decay = WEIGHT_DECAY * weights[name] if weights[name].ndim == 2 else 0.0
            weights[name] = weights[name] - rate * (move + decay)
    return {"mean": mean, "scale": scale, **weights}


def _gradients(weights: dict[str, np.ndarray], inputs: np.ndarray, allowed: np.ndarray) -> dict[str, np.ndarray]:
    hidden = np.tanh(inputs @ weights["hidden"] + weights["hidden_bias"])
    logits = hidden @ weights["output"] + weights["output_bias"]
    chances = np.exp(logits - logits.max(axis=1, keepdims=True))
    chances /= chances.sum(axis=1, keepdims=True)
    wanted = chances * allowed
    wanted /= wanted.sum(axis=1, keepdims=True) + 1e-12
    outer = (chances - wanted) / len(inputs)
    inner = outer @ weights["output"].T * (1 - hidden**2)
    return {
        "hidden": inputs.T @ inner,
        "hidden_bias": inner.sum(axis=0),
        "output": hidden.T @ outer,
        "output_bias": outer.sum(axis=0),
    }


# ---------------------------------------------------------------- figures


def report(model: floor.SoftmaxModel, clips: Sequence[Clip], noises: Sequence[np.ndarray]) -> None:
    held_out = [clip for clip in clips if clip.held_out]
    rng = np.random.default_rng([SEED, 2])
    elsewhere = [replace(clip, sound=channel(clip.sound, noises, rng)) for clip in held_out]
    print(f"\nheld-out recordings, floor revision {model.revision}")
    for title, chosen in (("as recorded", held_out), ("channel randomised", elsewhere)):
        print(f"\n{title}:")
        scored = [(clip, _log_odds(model, clip.sound)) for clip in chosen]
        _report_speakers(scored)
        _report_sounds(scored)
        _report_missed_speech(chosen)
        _report_verdicts(model, chosen)


def _report_speakers(scored: Sequence[tuple[Clip, np.ndarray]]) -> None:
    windows: dict[tuple[str, str], list[float]] = defaultdict(list)
    for clip, odds in scored:
        windows[clip.group, _kind(clip)] += odds.tolist()
    ocean = {kind: _speaker_means(windows, "so:", kind) for kind in ("child", "woman", "man")}
    vietnamese = np.concatenate([_speaker_means(windows, "cv:", kind) for kind in ("woman", "man", "adult")])
    for kind, others in (("woman", ocean["woman"]), ("man", ocean["man"]), ("Common Voice vi adult", vietnamese)):
        print(
            f"  speaker-pooled AUC, speechocean762 child ({len(ocean['child'])}) against {kind} ({len(others)}): "
            f"{auc(ocean['child'], others):.3f}"
        )
    for kind in ("woman", "man", "adult"):
        odds = [float(values.mean()) for clip, values in scored if _is(clip, "cv:", kind) and len(values)]
        speakers = len({clip.group for clip, _ in scored if _is(clip, "cv:", kind)})
        print(f"  Common Voice vi {kind}: {_rate(odds)} clips of {speakers} speakers closer to child")


def _report_sounds(scored: Sequence[tuple[Clip, np.ndarray]]) -> None:
    for group in ("esc:baby_cry", "esc:", "cry", "music"):
        sounds = [odds for clip, odds in scored if _is(clip, group, "nonspeech")]
        speech = [float(odds.mean()) for odds in sounds if len(odds)]
        print(f"  {group}: {len(speech)} of {len(sounds)} hold a window of speech, {_rate(speech)} closer to child")


def _report_missed_speech(clips: Sequence[Clip]) -> None:
    """Loud chunks, within 20 dB of the clip's level, that the speech gate leaves out at its and at usual thresholds."""
    for kind in ("child", "woman", "man"):
        missed, loud_chunks, silent = Counter[float](), 0, 0
        of_kind = [clip for clip in clips if _is(clip, "so:", kind)]
        for clip in of_kind:
            chunks = clip.sound[: len(clip.sound) // CHUNK * CHUNK].reshape(-1, CHUNK)
            levels = 10 * np.log10((chunks**2).mean(axis=1) + 1e-12)
            loud = levels > np.percentile(levels, 95) - 20
            loud_chunks += int(loud.sum())
            probabilities = VoiceActivity().probabilities(chunks)
            for on, off in ((ON_PROBABILITY, OFF_PROBABILITY), (0.5, 0.35)):
                missed[on] += int((loud & ~speech_chunks(probabilities, on, off)).sum())
            silent += not any(True for _ in floor.speech_windows([clip.sound]))
        shares = ", ".join(f"{count / loud_chunks:.3f} at {on}" for on, count in missed.items())
        print(
            f"  {kind}: share of loud sound outside speech {shares}; {silent} of {len(of_kind)} clips without a window"
        )


def _report_verdicts(model: floor.SoftmaxModel, clips: Sequence[Clip]) -> None:
    """Verdicts on recordings of one speaker (up to a minute of clips) and on the single clips."""
    detector = floor.FloorDetector(model)
    by_speaker: dict[tuple[str, str], list[np.ndarray]] = defaultdict(list)
    for clip in clips:
        if clip.group[:3] in ("so:", "cv:"):
            by_speaker[clip.group, _kind(clip)].append(clip.sound)
    minutes = [
        (group[:3] + kind, np.concatenate(sounds)[: 60 * SAMPLE_RATE]) for (group, kind), sounds in by_speaker.items()
    ]
    singles = [((clip.group + ":")[:3] + _kind(clip), clip.sound) for clip in clips]
    for title, recordings in (("speakers", minutes), ("clips", singles)):
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        scores: dict[str, list[float]] = defaultdict(list)
        for kind, sound in recordings:
            windows = detector.windows([sound])
            for point in (CORPUS, DISCOVER):
                verdict = pool(windows, len(sound) / SAMPLE_RATE, point, detector.model)
                counts[f"{kind} {point.name}"][verdict.label.value] += 1
            scores[kind].append(verdict.score)
        for name in sorted(counts):
            print(f"  verdicts on {title}, {name}: {dict(counts[name])}")
        for kind in sorted(scores):
            quartiles = np.round(np.percentile(scores[kind], (25, 50, 75)), 2).tolist()
            print(f"  scores on {title}, {kind}: quartiles {quartiles}")


def _kind(clip: Clip) -> str:
    return CLASSES[next(iter(clip.classes))] if len(clip.classes) == 1 else "adult"


def _is(clip: Clip, group: str, kind: str) -> bool:
    return clip.group.startswith(group) and _kind(clip) == kind


def _speaker_means(windows: dict[tuple[str, str], list[float]], corpus: str, kind: str) -> np.ndarray:
    return np.array(
        [np.mean(odds) for (group, k), odds in windows.items() if odds and group.startswith(corpus) and k == kind]
    )


def _log_odds(model: floor.SoftmaxModel, sound: np.ndarray) -> np.ndarray:
    """Log-odds of child against adult in each window that is speech."""
    vectors = np.array([vector for _, _, vector in floor.speech_windows([sound])])
    if not len(vectors):
        return np.zeros(0)
    logs = model.log_probabilities(vectors)
    odds = logs[:, CHILD] - np.logaddexp(logs[:, WOMAN], logs[:, MAN])
    return odds[logs[:, NONSPEECH] < np.log(0.5)]


def auc(positive: np.ndarray, negative: np.ndarray) -> float:
    """Probability that a random positive scores above a random negative."""
    return float((positive[:, np.newaxis] > negative).mean() + 0.5 * (positive[:, np.newaxis] == negative).mean())


def _rate(odds: Sequence[float]) -> str:
    return f"{sum(value > 0 for value in odds)} of {len(odds)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--corpora", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    arguments = parser.parse_args()

    clips = [*read_clips(arguments.corpora), *pieces_of_music()]
    training = [clip for clip in clips if not clip.held_out]
    noises = [clip.sound for clip in training if clip.group == "music"]
    rng = np.random.default_rng(SEED)
    copies = [randomised(clip, noises, rng) for _ in range(PASSES) for clip in training]
    windows = windows_of(copies)
    print(f"{len(training)} clips to learn from, {len(windows.vectors)} windows of them with speech")
    arrays = train(windows, rng)
    arguments.output.write_text(floor.SoftmaxModel.to_json(arrays, ATTRIBUTION), encoding="utf-8")
    report(floor.SoftmaxModel.from_json(arguments.output.read_text("utf-8")), clips, noises)


if __name__ == "__main__":
    main()
