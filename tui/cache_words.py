"""What is kept, and what pruning it removes, in words: for the command line and for the app."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from engine.errors import display_name
from tui.i18n import t

if TYPE_CHECKING:
    from engine.cache_prune import PruneReport
    from engine.cache_survey import CacheSurvey, NetworkVectors

_MUCH = 5_000_000_000  # bytes
_REASONS = ("stale", "gone", "old", "over", "files", "thumbnails", "networks")


class Line(NamedTuple):
    """One line: what it is about, what is to be said, and what to do about it; empty where nothing is."""

    topic: str
    text: str
    remedy: str = ""


def survey_lines(survey: CacheSurvey) -> Iterator[Line]:
    """Yield what is kept, line by line."""
    path = display_name(str(survey.path))
    if not survey.readable:
        text = t("cache.value.unreadable", path=path)
        yield Line(t("cache.row.vectors"), text, t("cache.remedy.unreadable"))
    elif not survey.bytes:
        yield Line(t("cache.row.vectors"), t("cache.value.none"))
    else:
        yield from _vector_lines(survey, path)
    pictures, networks = survey.thumbnails, survey.converted
    text = t("cache.value.thumbnails", size=size_text(pictures.bytes), n=f"{pictures.count:,}")
    yield Line(t("cache.row.thumbnails"), text)
    place = display_name(str(networks.path))
    text = t("cache.value.converted", size=size_text(networks.bytes), n=networks.count, path=place)
    yield Line(t("cache.row.converted"), text)


def _vector_lines(survey: CacheSurvey, path: str) -> Iterator[Line]:
    remedy = t("cache.remedy.disk") if survey.bytes > _MUCH else ""
    text = t("cache.value.vectors", size=size_text(survey.bytes), path=path)
    yield Line(t("cache.row.vectors"), text, remedy if survey.large_pages else t("cache.remedy.pages"))
    photos = t("cache.value.photos", photos=f"{survey.photos:,}", files=f"{survey.files:,}")
    yield Line(t("cache.row.photos"), photos)
    whole = sum(network.bytes for network in survey.networks)
    for network in survey.networks:
        yield _network_line(network, whole)
    asked, of_run = survey.hits + survey.misses, survey.run_hits + survey.run_misses
    if not asked:
        yield Line(t("cache.row.found"), t("cache.value.never"))
        return
    text = t(
        "cache.value.found",
        hits=f"{survey.hits:,}",
        all=f"{asked:,}",
        share=_share(survey.hits, asked),
        run_hits=f"{survey.run_hits:,}",
        run_all=f"{of_run:,}",
    )
    yield Line(t("cache.row.found"), text)


def _network_line(network: NetworkVectors, whole: int) -> Line:
    text = t(
        "cache.value.network",
        name=display_name(network.backbone) or t("cache.row.unknown", fingerprint=network.fingerprint),
        size=size_text(network.bytes),
        share=_share(network.bytes, whole),
        n=f"{network.vectors:,}",
        use=t(f"cache.use.{network.use}"),
    )
    return Line(t("cache.row.network"), text, t("cache.remedy.stale") if network.use == "stale" else "")


def report_lines(report: PruneReport, *, hints: bool = True) -> list[str]:
    """Return what was removed, or would be, as sentences.

    Args:
        report: what `prune_cache` returned.
        hints: whether the command line's options are of any use to the person.
    """
    lines = []
    if report.found_nothing:
        lines.append(t("cache.done.nothing"))
    else:
        lines.append(t("cache.done.would") if report.dry_run else t("cache.done.removed"))
        counts = {name: getattr(report, name) for name in _REASONS}
        lines += ["  " + t(f"cache.done.{name}", n=f"{count:,}") for name, count in counts.items() if count]
    if report.freed or not report.found_nothing:
        key = "cache.done.would_free" if report.dry_run else "cache.done.freed"
        lines.append(t(key, size=size_text(report.freed), left=size_text(report.bytes_after)))
    if report.out_of_reach:
        key = "cache.done.out_of_reach" if hints else "cache.done.out_of_reach_here"
        lines.append(t(key, n=f"{report.out_of_reach:,}"))
    if not report.complete:
        lines.append(t("cache.done.incomplete"))
    return lines


def size_text(size: int) -> str:
    """Return a number of bytes as people read it.

    >>> size_text(900), size_text(14_336), size_text(166_000_000), size_text(2_500_000_000)
    ('900 B', '14.3 kB', '166.0 MB', '2.5 GB')
    """
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size} B"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else "–"
