"""A Whisper of 200 kB with random weights, in the format that faster-whisper loads: no download, no torch."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

LANGUAGES = ("en", "vi", "zh", "fr", "jw")
WORDS, KNOWN_LANGUAGES, TIMES = 100, 99, 10
WIDTH, HEADS, MELS, AUDIO_FRAMES, TEXT_LENGTH = 16, 2, 80, 1500, 448


def tiny_whisper(folder: Path, *, seed: int = 0, languages: tuple[str, ...] = LANGUAGES) -> Path:
    """Write a model that answers something about each of ``languages``, and always the same for one ``seed``."""
    from ctranslate2.specs.whisper_spec import WhisperSpec

    tokens = _tokens(languages)
    spec = WhisperSpec(1, HEADS, 1, HEADS)
    random = np.random.default_rng(seed)

    def weights(*shape: int, scale: float = 0.3) -> np.ndarray:
        return random.normal(0.0, scale, shape).astype(np.float32)

    def norm(layer) -> None:  # type: ignore[no-untyped-def]
        layer.gamma, layer.beta = np.ones(WIDTH, np.float32), np.zeros(WIDTH, np.float32)

    def linear(layer, rows: int, columns: int) -> None:  # type: ignore[no-untyped-def]
        layer.weight, layer.bias = weights(rows, columns), np.zeros(rows, np.float32)

    def block(layer) -> None:  # type: ignore[no-untyped-def]
        norm(layer.self_attention.layer_norm)
        linear(layer.self_attention.linear[0], 3 * WIDTH, WIDTH)
        linear(layer.self_attention.linear[1], WIDTH, WIDTH)
        norm(layer.ffn.layer_norm)
        linear(layer.ffn.linear_0, 4 * WIDTH, WIDTH)
        linear(layer.ffn.linear_1, WIDTH, 4 * WIDTH)

    encoder, decoder = spec.encoder, spec.decoder
    encoder.conv1.weight, encoder.conv1.bias = weights(WIDTH, MELS, 3), np.zeros(WIDTH, np.float32)
    encoder.conv2.weight, encoder.conv2.bias = weights(WIDTH, WIDTH, 3), np.zeros(WIDTH, np.float32)
    encoder.position_encodings.encodings = weights(AUDIO_FRAMES, WIDTH)
    norm(encoder.layer_norm)
    block(encoder.layer[0])
    decoder.embeddings.weight = weights(len(tokens), WIDTH, scale=1.0)
    decoder.position_encodings.encodings = weights(TEXT_LENGTH, WIDTH)
    decoder.projection.weight = decoder.embeddings.weight
    norm(decoder.layer_norm)
    block(decoder.layer[0])
    cross = decoder.layer[0].attention
    norm(cross.layer_norm)
    linear(cross.linear[0], WIDTH, WIDTH)
    linear(cross.linear[1], 2 * WIDTH, WIDTH)
    linear(cross.linear[2], WIDTH, WIDTH)

    spec.register_vocabulary(tokens)
    ids = {token: number for number, token in enumerate(tokens)}
    spec.config.lang_ids = [ids[f"<|{code}|>"] for code in languages]
    spec.config.suppress_ids, spec.config.suppress_ids_begin, spec.config.alignment_heads = [], [], [(0, 0)]
    spec.validate()
    folder.mkdir(parents=True, exist_ok=True)
    spec.save(str(folder))
    (folder / "tokenizer.json").write_text(_tokenizer(ids))
    return folder


def _tokens(languages: tuple[str, ...]) -> list[str]:
    """In the order of the multilingual models, which CTranslate2 knows by their having an empty token."""
    words = ["", *(f"word{number}" for number in range(1, WORDS))]
    after = ["translate", "transcribe", "startoflm", "startofprev", "nospeech", "notimestamps"]
    others = [f"other{number}" for number in range(KNOWN_LANGUAGES - len(languages))]
    times = [f"{number / 50:.2f}" for number in range(TIMES)]
    return [
        *words,
        *(f"<|{name}|>" for name in ("endoftext", "startoftranscript", *languages, *others, *after, *times)),
    ]


def _tokenizer(ids: dict[str, int]) -> str:
    added = [
        {"id": number, "content": token, "special": True, "single_word": False, "lstrip": False, "rstrip": False,
         "normalized": False}
        for token, number in ids.items()
        if token.startswith("<|")
    ]  # fmt: skip
    model = {"type": "WordLevel", "vocab": ids, "unk_token": "<|endoftext|>"}
    return json.dumps({"version": "1.0", "added_tokens": added, "model": model})
