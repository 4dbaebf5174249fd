"""The words of a gallery in English; a face hands over the same keys in another language."""

from __future__ import annotations

from collections.abc import Mapping

ENGLISH: Mapping[str, str] = {
    "language": "en",
    "made": "Made by beholder. Everything is in this one file; nothing is loaded from anywhere.",
    "size": "{pictures} pictures, {megabytes} MB",
    # what is shown
    "all_shown": "Photos scored: {total}",
    "best_shown": "Photos scored: {total}; these are the best {shown} of them.",
    "model": "Model: {model}",
    "count": "Shown: {shown} of {total}",
    "none": "No photo was scored.",
    "nothing_fits": "No photo fits the filter.",
    # above the photos
    "controls": "Order and filter",
    "sort": "Order",
    "sort_score": "Best first",
    "sort_name": "By name",
    "sort_width": "Surest first",
    "reverse": "Reverse",
    "search": "Name holds",
    "minimum": "Score at least",
    "theme": "Colours",
    "theme_auto": "as the system",
    "theme_light": "light",
    "theme_dark": "dark",
    "help": "Keys",
    # a photo
    "photos": "Photos",
    "score": "score {score}",
    "interval": "90 % interval {low} – {high}",
    "stars": "{stars} of 5 stars",
    "rank": "No. {rank} by score",
    "no_picture": "The photo can't be read any more.",
    "small_only": "Only a small picture of this photo is kept in this page.",
    "original": "Open the original",
    "previous": "Previous",
    "next": "Next",
    "close": "Close",
    # what failed
    "failed": "Not scored: {n}",
    "failed_more": "And {n} more.",
    "no_reason": "no reason is known",
    # help
    "key_arrows": "go from photo to photo",
    "key_ends": "first and last photo",
    "key_enter": "large view; arrows go on in it",
    "key_escape": "close, or leave the filter",
    "key_sort": "next order",
    "key_reverse": "the other way round",
    "key_filter": "filter by name",
    "key_theme": "dark, light, or as the system",
    "key_help": "these keys",
}
