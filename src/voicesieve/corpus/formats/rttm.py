"""RTTM (NIST RT-09) with all labelled speech, and UEM with the scored regions: for diarisation and voice typing."""

from __future__ import annotations

from voicesieve.corpus.formats.files import Tables
from voicesieve.corpus.formats.protocol import Format, Item, Order
from voicesieve.corpus.options import Audio, Unit
from voicesieve.domain.verdicts import Label

VOICES = frozenset({Label.CHILD, Label.ADULT, Label.UNSURE})


class RttmWriter:
    """``corpus.rttm`` and ``corpus.uem``; the URI of a recording is the first 16 digits of its SHA-256."""

    def __init__(self, order: Order) -> None:
        self._rttm = Tables(order, lambda split: order.table("corpus", split, ".rttm"))
        self._uem = Tables(order, lambda split: order.table("corpus", split, ".uem"))

    def add(self, item: Item) -> None:
        self._uem.write(item.split, f"{item.id} 1 0.000 {item.duration_s:.3f}\n".encode())
        for segment in item.segments:
            if segment.label in VOICES:
                seconds = segment.end - segment.start
                text = f"SPEAKER {item.id} 1 {segment.start:.3f} {seconds:.3f} <NA> <NA> {segment.label} <NA> <NA>\n"
                self._rttm.write(item.split, text.encode())

    def close(self) -> None:
        self._rttm.close()
        self._uem.close()


FORMAT = Format(
    name="rttm",
    summary="RTTM and UEM",
    loading='pyannote.database.util.load_rttm("DEST/corpus{split}.rttm")',
    units=(Unit.RECORDINGS,),
    audio=(Audio.NONE,),
    writer=RttmWriter,
    measured=False,
    tables=("*.rttm", "*.uem"),
)
