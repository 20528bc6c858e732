"""The one list of media formats: which files are recognised and opened, and how stored files are named.

Each of them holds its sound itself and is recognised by its content. Left out are formats that name other files
(playlists, HLS, DASH, concat, SDP), raw samples without a header, which any file could be, and the sounds of games.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MediaFormat:
    """A container or bare stream. ``demuxer`` is FFmpeg's short name for it.

    Stored files are named with ``stored_suffix``; ``suffixes`` are what folders and pages are searched for.
    """

    demuxer: str
    stored_suffix: str
    suffixes: tuple[str, ...]


def _format(demuxer: str, suffixes: str, *, stored_suffix: str = "") -> MediaFormat:
    names = tuple(suffixes.split())
    return MediaFormat(demuxer, stored_suffix or names[0], names)


MEDIA_FORMATS = (
    _format("aac", ".aac .adts"),
    _format("ac3", ".ac3"),
    _format("aiff", ".aiff .aif .aifc"),
    _format("amr", ".amr .awb"),
    _format("ape", ".ape"),
    _format("asf", ".wma .wmv .asf .dvr-ms"),
    _format("au", ".au .snd"),
    _format("avi", ".avi .divx"),
    _format("caf", ".caf"),
    _format("dsf", ".dsf"),
    _format("dss", ".dss .ds2"),
    _format("dts", ".dts"),
    _format("dtshd", ".dtshd"),
    _format("dv", ".dv .dif"),
    _format("eac3", ".eac3 .ec3"),
    _format("flac", ".flac"),
    _format("flv", ".flv"),
    _format("gsm", ".gsm"),
    _format("gxf", ".gxf"),
    _format("iff", ".8svx .dff"),
    _format("ircam", ".ircam"),
    _format("loas", ".loas .latm"),
    _format("matroska", ".webm .weba .mka .mkv .mk3d"),
    _format("mov", ".m4a .m4b .m4p .m4r .m4v .mp4 .mov .qt .3gp .3gpp .3g2 .f4a .f4b .f4v .psp .isma .ismv .aax"),
    _format("mp3", ".mp3 .mp2 .mpa .mpga .m2a"),
    _format("mpc", ".mpc .mpp"),
    _format("mpc8", ".mpc"),
    _format("mpeg", ".mpg .mpeg .vob .evo"),
    _format("mpegts", ".m2ts .mts .m2t", stored_suffix=".ts"),
    _format("mxf", ".mxf"),
    _format("nistsphere", ".sph .nist"),
    _format("nut", ".nut"),
    _format("ogg", ".ogg .oga .ogv .ogx .opus .spx"),
    _format("oma", ".oma .aa3 .omg"),
    _format("rm", ".rm .ra .rmvb"),
    _format("shn", ".shn"),
    _format("sox", ".sox"),
    _format("tak", ".tak"),
    _format("truehd", ".thd"),
    _format("tta", ".tta"),
    _format("voc", ".voc"),
    _format("w64", ".w64"),
    _format("wav", ".wav .wave .bwf .rf64 .bw64"),
    _format("wtv", ".wtv"),
    _format("wv", ".wv"),
)

DEMUXERS = frozenset(each.demuxer for each in MEDIA_FORMATS)

MEDIA_SUFFIXES = frozenset(suffix for each in MEDIA_FORMATS for suffix in each.suffixes)
"""What folders and pages are searched for. ``.ts`` is not: it is mostly TypeScript."""

STORED_SUFFIXES = {each.demuxer: each.stored_suffix for each in MEDIA_FORMATS}
