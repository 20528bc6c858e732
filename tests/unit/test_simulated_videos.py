"""The simulated videos tell the truth about themselves."""

from __future__ import annotations

import io
import json
import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.simulated_videos import making, measuring
from tests.simulated_videos.__main__ import main
from tests.simulated_videos.making import CODECS, Part, encoded, make_video
from tests.simulated_videos.material import LEVEL, Material, Speaker, from_corpora, from_demo, held_out, trimmed
from tests.simulated_videos.measuring import Judged, figures
from voicesieve.audio.decode import decode_blocks
from voicesieve.domain.sound import SAMPLE_RATE
from voicesieve.domain.verdicts import Model
from voicesieve.evaluation.labels import SoundLabel
from voicesieve.voices.recordings import ScoredRecording
from voicesieve.voices.scores import WindowScores


def write_wave(path: Path, sound: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        file.writeframes((np.clip(sound, -1, 1) * 32_767).astype("<i2").tobytes())


def burst(seconds: float, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, int(seconds * SAMPLE_RATE))


def silence(seconds: float) -> np.ndarray:
    return np.zeros(int(seconds * SAMPLE_RATE))


@pytest.mark.parametrize(("name", "encoder", "container", "rate", "bit_rates"), CODECS)
def test_no_codec_moves_the_sound_against_its_truth(
    tmp_path: Path, name: str, encoder: str, container: str, rate: int, bit_rates: tuple[int, ...]
) -> None:
    sound = np.concatenate([silence(1), burst(0.2), silence(1.3), burst(0.4), silence(0.6)])
    file = tmp_path / f"video{making.SUFFIXES[container]}"
    file.write_bytes(encoded(sound, encoder, container, rate, bit_rates[0]))
    decoded = np.concatenate(list(decode_blocks(file)))
    assert len(decoded) == pytest.approx(len(sound), abs=0.05 * SAMPLE_RATE)
    length = min(len(sound), len(decoded))
    size = 2 * length
    correlation = np.fft.irfft(np.conj(np.fft.rfft(sound[:length], size)) * np.fft.rfft(decoded[:length], size), size)
    assert abs((int(np.argmax(correlation)) + length) % size - length) <= 0.002 * SAMPLE_RATE


def test_a_clip_is_cut_to_its_sound_and_long_pauses_are_not_speech(tmp_path: Path) -> None:
    write_wave(tmp_path / "a.wav", np.concatenate([silence(0.7), burst(1), silence(0.9), burst(0.5), silence(1)]))
    clip = trimmed(tmp_path / "a.wav")
    assert np.array(clip.stretches) / SAMPLE_RATE == pytest.approx(np.array([[0, 1], [1.9, 2.4]]), abs=0.02)
    assert np.sqrt((clip.sound[: SAMPLE_RATE // 2] ** 2).mean()) == pytest.approx(LEVEL, rel=0.1)


def test_a_silent_clip_is_refused(tmp_path: Path) -> None:
    write_wave(tmp_path / "a.wav", silence(1))
    with pytest.raises(ValueError, match="silent"):
        trimmed(tmp_path / "a.wav")


@pytest.fixture(scope="module")
def bursts(tmp_path_factory: pytest.TempPathFactory) -> Material:
    """Speakers whose clips are noise, so that where they sound can be read off the video's level."""
    folder = tmp_path_factory.mktemp("bursts")
    for index in range(8):
        write_wave(folder / f"{index}.wav", np.concatenate([silence(0.3), burst(1.5 + index / 4, index), silence(0.2)]))
    clips = tuple(folder / f"{index}.wav" for index in range(8))
    voices = (("c", SoundLabel.CHILD), ("d", SoundLabel.CHILD), ("w", SoundLabel.WOMAN), ("m", SoundLabel.MAN))
    return Material(tuple(Speaker(name, label, clips) for name, label in voices), ())


@pytest.mark.parametrize("number", range(7))
def test_the_truth_has_the_share_and_lies_within_the_video(bursts: Material, number: int) -> None:
    video = make_video(bursts, 5, number, longest_s=60)
    adult_s = sum(part.end_s - part.start_s for part in video.truth if part.label == "adult")
    speech_s = adult_s + video.child_s
    assert speech_s > 0.4 * video.duration_s
    assert video.child_s == pytest.approx(max(making.SHARES[number] * speech_s, video.child_share and 1.0), abs=1.5)
    assert all(0 <= part.start_s < part.end_s <= video.duration_s for part in video.truth)
    assert (video.adults == 0) == (video.child_share == 1)


def test_sound_is_loud_where_the_truth_says_speech(bursts: Material, monkeypatch: pytest.MonkeyPatch) -> None:
    """Measured on the sound before the codec, without music and noises, which have no truth of this kind."""
    mixes = []
    monkeypatch.setattr(making, "_music", lambda *_: None)
    monkeypatch.setattr(making, "encoded", lambda mix, *_: mixes.append(mix) or b"")
    video = make_video(bursts, 6, 5, longest_s=60)
    steps = int(video.duration_s / 0.01)
    frames = mixes[0][: steps * 160].reshape(steps, 160)
    loud = np.log10((frames**2).mean(axis=1) + 1e-12)
    speech = np.zeros(steps, bool)
    for part in video.truth:
        speech[round(part.start_s / 0.01) : round(part.end_s / 0.01)] = True
    far = ~np.convolve(speech, np.ones(200), mode="same").astype(bool)  # beyond what a room adds
    assert far.sum() > 50
    assert np.percentile(loud[speech], 5) > np.percentile(loud[far], 95) + 0.8


def test_the_same_number_gives_the_same_video(bursts: Material) -> None:
    first, again, other = (make_video(bursts, 7, number, longest_s=60) for number in (4, 4, 11))
    assert replace(first, data=b"") == replace(again, data=b"")
    assert len(first.data) == pytest.approx(len(again.data), rel=0.01)  # containers hold ids drawn at random
    assert first.truth != other.truth


def test_only_held_out_clips_are_used_by_the_rules_of_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from training import floor

    tables = {
        "speechocean762": "path,speaker,split,age,gender\n"
        + "".join(f"a.wav,s{i},{'test' if i % 3 else 'train'},{6 + i},female\n" for i in range(20)),
        "common-voice-vi": "path,speaker,split,age,gender\n"
        + "".join(f"a.wav,cv{i},train,twenties,male\n" for i in range(20)),
        "esc-10": "path,sound,fold\n" + "".join(f"a.wav,rain,{1 + i % 4}\n" for i in range(8)),
        "donate-a-cry": "path,sound,source\n" + "".join(f"a.wav,infant_cry,d{i}\n" for i in range(20)),
    }
    for name, table in tables.items():
        write_wave(tmp_path / name / "a.wav", burst(0.2))
        (tmp_path / name / "metadata.csv").write_text(table, encoding="utf-8")
    monkeypatch.setattr(floor, "MUSIC_PIECES", 0)
    theirs = [clip for clip in floor.read_clips(tmp_path) if clip.held_out]
    speakers = {clip.group.removeprefix("so:").removeprefix("cv:") for clip in theirs if ":" in clip.group}
    ours = from_corpora(tmp_path)
    spoken = {speaker.name.split(":")[1] for speaker in ours.speakers}
    assert spoken == {name for name in speakers if not name.startswith("esc")}
    sounds = [clip for clip in theirs if clip.group.startswith(("esc", "cry"))]
    assert len(ours.sounds) == len(sounds) > 0


def test_a_corpus_without_children_is_refused(tmp_path: Path) -> None:
    write_wave(tmp_path / "a.wav", burst(0.2))
    (tmp_path / "metadata.csv").write_text("path,split,age\na.wav,test,30\n", encoding="utf-8")
    with pytest.raises(ValueError, match="children and adults"):
        from_corpora(tmp_path)


def test_unknown_names_fall_on_both_sides() -> None:
    sides = [held_out({"path": f"{number}.wav"}, has_test=False) for number in range(200)]
    assert 60 < sum(sides) < 140


def scores(*windows: tuple[float, float, float]) -> WindowScores:
    """Windows (start, end, probability of a child), the rest an adult."""
    logs = [np.log([chance, (1 - chance) * 0.98, (1 - chance) * 0.01, (1 - chance) * 0.01]) for *_, chance in windows]
    times = np.array([window[:2] for window in windows], np.float32)
    return WindowScores(times[:, 0], times[:, 1], np.array(logs, np.float32))


def judged(truth: tuple[Part, ...], windows: WindowScores) -> Judged:
    return Judged(Path("x"), truth, ScoredRecording(100.0, windows, Model("m", "r"), -20.0, 0.0, 1, 0, 0.0))


def test_a_perfect_detector_has_perfect_figures_and_a_deaf_one_has_none() -> None:
    child, adult = Part(10, 40, "child", "a"), Part(50, 80, "adult", "b")
    hears_all = scores((10, 40, 0.99), (50, 80, 0.01))
    perfect = figures([judged((child, adult), hears_all), judged((adult,), scores((50, 80, 0.01)))])["corpus"]
    assert perfect["segment_f1_child"] == perfect["segment_f1_adult"] == perfect["segment_f1_nonspeech"] == 1.0
    assert perfect["child_s_mean_absolute_error"] == pytest.approx(0, abs=0.01)
    assert (perfect["recall_from_20_s"], perfect["false_positive_videos_per_100"]) == (1.0, 0.0)
    deaf = figures([judged((child, adult), WindowScores.empty())])["discover"]
    assert (deaf["segment_f1_child"], deaf["recall_from_20_s"]) == (0.0, 0.0)
    assert deaf["child_s_mean_absolute_error"] == 30.0
    assert deaf["false_positive_videos_per_100"] is None


def test_seconds_in_which_both_speak_do_not_count() -> None:
    both = (Part(10, 40, "child", "a"), Part(30, 60, "adult", "b"))
    measured = figures([judged(both, scores((10, 40, 0.99), (40, 60, 0.01)))])["corpus"]
    assert measured["segment_f1_child"] == measured["segment_f1_adult"] == 1.0
    assert measuring.STEP_S == 0.01


def test_the_command_makes_videos_labels_and_figures_without_corpora(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["--output", str(tmp_path), "--count", "2", "--longest", "20", "--shares", "0", "1", "--evaluate", "floor"])
    written = json.load(io.StringIO(capsys.readouterr().out))
    assert written["corpus"]["adults_only_videos"] == 1
    truths = [json.loads(line) for line in (tmp_path / "truth.jsonl").read_text("utf-8").splitlines()]
    assert [truth["child_share"] for truth in truths] == [0, 1]
    assert all((tmp_path / truth["path"]).stat().st_size > 10_000 for truth in truths)
    assert (tmp_path / "labels.csv").read_text("utf-8").splitlines()[0] == "path,start,end,label,speaker"


def test_the_demo_has_voices_of_both_kinds() -> None:
    material = from_demo()
    assert len(material.of(SoundLabel.CHILD)) == len(material.of(SoundLabel.WOMAN, SoundLabel.MAN)) == 3
