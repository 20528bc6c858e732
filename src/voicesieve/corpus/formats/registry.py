"""The formats by name, in the order in which the help and the documentation list them."""

from __future__ import annotations

from voicesieve.corpus.formats import (
    audiofolder,
    huggingface,
    jsonl,
    kaldi,
    lhotse,
    lhotse_shar,
    manifest,
    nemo,
    nemo_tarred,
    rttm,
    webdataset,
)

ALL = (
    jsonl.FORMAT,
    lhotse.FORMAT,
    lhotse_shar.FORMAT,
    kaldi.FORMAT,
    nemo.FORMAT,
    nemo_tarred.FORMAT,
    huggingface.FORMAT,
    audiofolder.FORMAT,
    webdataset.FORMAT,
    rttm.FORMAT,
    manifest.FORMAT,
)
"""All formats that write a folder. The ``urls`` list is a single file and has no record."""

FORMATS = {record.name: record for record in ALL}
