"""The line that loads an export, for its card and for the documentation."""

from __future__ import annotations

from voicesieve.corpus.formats.items import Order

LINES = {
    "jsonl": 'pandas.read_json("DEST/{table}{split}.jsonl", lines=True)',
    "lhotse": 'lhotse.CutSet.from_file("DEST/cuts{split}.jsonl.gz").with_recording_path_prefix("DEST")',
    "lhotse-shar": 'lhotse.CutSet.from_shar(in_dir="DEST/train")',
    "kaldi": "utils/validate_data_dir.sh --no-text --no-feats DEST{folder}",
    "nemo": "model.transcribe(...)  # train_ds.manifest_filepath=DEST/manifest{split}.jsonl",
    "nemo-tarred": "train_ds.is_tarred=true train_ds.tarred_audio_filepaths=DEST{folder}/audio_{{0..N}}.tar "
    "train_ds.manifest_filepath=DEST{folder}/tarred_audio_manifest.json",
    "huggingface": 'datasets.load_dataset("DEST")',
    "audiofolder": 'datasets.load_dataset("audiofolder", data_dir="DEST")',
    "webdataset": 'webdataset.WebDataset("DEST/train-{{000000..00000N}}.tar", shardshuffle=False)',
    "rttm": 'pyannote.database.util.load_rttm("DEST/corpus{split}.rttm")',
    "manifest": 'json.load(open("DEST/final_audio/manifest.json"))["records"]',
}


def loading_line(order: Order) -> str:
    """What to type; DEST stands for the folder, which moves."""
    options = order.options
    split = f"_{options.split[0][0]}" if options.split else ""
    folder = f"/{options.split[0][0]}" if options.split else ""
    table = "clips" if options.unit == "clips" else "recordings"
    return LINES[options.format].format(split=split, folder=folder, table=table)
