"""The words of a report in English; a face hands over the same keys in another language."""

from __future__ import annotations

import html
from collections.abc import Mapping

ENGLISH: Mapping[str, str] = {
    "language": "en",
    "title": "Report on {model}",
    "contents": "Contents",
    "made": "Made by beholder from the files of this model alone; nothing in it is loaded from anywhere.",
    # headings
    "summary": "In short",
    "trained": "What was trained",
    "figures": "How good it is",
    "curves": "How it learned",
    "labels_curve": "What more scores bring",
    "agreement": "Predicted against given",
    "residuals": "Where it errs",
    "photos": "Photos",
    # in short
    "card_srcc": "Rank correlation with your scores (SRCC)",
    "card_mae": "Mean error in points of the scale (MAE)",
    "card_n": "Scored photos it learned from",
    "card_within": "{percent} of the photos lie within",
    "interval": "95 % interval {low} … {high}",
    "card_scale": "The scale is {low} to {high}.",
    "beats": (
        "On photos that it never saw, its mean error is {percent} smaller than that of always saying the mean score."
    ),
    "beats_unsure": "Its interval still reaches that of the mean score, so this may be chance.",
    "beats_not": (
        "On photos that it never saw, it does no better than always saying the mean score: it has learned nothing"
        " of use yet. More scores, or photos that differ more, may help."
    ),
    # what was trained
    "name": "Name",
    "model_id": "Id",
    "model": "Model",
    "backbone": "Backbone",
    "weights": "Weights",
    "weights_tuned": "trained further with these photos",
    "created": "Trained on",
    "seconds": "Time taken",
    "seconds_value": "{seconds} s",
    "minutes_value": "{minutes} min {seconds} s",
    "n": "Scored photos",
    "scale": "Scale",
    "split": "Split",
    "split_parts": (
        "{train} to learn from, {validation} to watch, {test} to test; {groups} groups of look-alikes kept whole"
    ),
    "split_folds": "{folds} folds; {groups} groups of look-alikes kept whole",
    "seed": "Seed",
    "prior": "Starts from",
    "note": "Note",
    "settings": "Settings",
    "chosen": "Chosen by the fit",
    "default": "the default",
    "data_hash": "Hash of photos and scores",
    "fingerprint": "Fingerprint of the features",
    "versions": "Versions",
    # figures
    "part": "Photos",
    "part_train": "it learned from",
    "part_validation": "watched while learning",
    "part_test": "never seen: the test part",
    "part_cv": "never seen: cross-validation over all",
    "baseline_mean": "always the mean score",
    "baseline_nearest": "the score of the most similar photo",
    "leaked_test": "a careless split",
    "count": "Number",
    "figures_caption": (
        "Figures by part, with 95 % intervals by bootstrap. SRCC, PLCC, Kendall and R²: higher is better, 1 is "
        "perfect, 0 is chance. MAE and RMSE: lower is better, in points of the scale."
    ),
    "leaked_flatters": (
        "A careless split, which lets photos of one burst or theme stand on both sides, would have claimed an "
        "SRCC of {leaked}; the honest one is {honest}. The difference is recognised look-alikes, not taste: do "
        "not expect it on new photos."
    ),
    "leaked_equal": (
        "A careless split, which lets photos of one burst or theme stand on both sides, would have shown an SRCC "
        "of {leaked}, and the honest one is {honest}: here look-alikes hardly flatter the figures."
    ),
    "leaked_unknown": "How much a careless split would have flattered this model was not measured.",
    # curves
    "axis_labels": "Scored photos learned from",
    "axis_trees": "Trees",
    "axis_stages": "Boosting stages",
    "axis_folds": "Folds",
    "axis_epochs": "Epochs",
    "metric_loss": "Loss",
    "train": "photos it learned from",
    "validation": "photos it did not learn from",
    "best_epoch": "best epoch: {epoch}",
    "curve_alt": "{metric} over {axis}: on {series} from {first} to {last}.",
    "curves_none": "This model keeps no curve.",
    "curves_labels_only": "This family fits in one step; its curve over the number of scores is below.",
    "labels_none": "No curve over the number of scores was recorded for this model.",
    "labels_falling": "The error still falls at the end: more scores are likely to help.",
    "labels_flat": (
        "The error hardly falls any more at the end: many more scores would be needed to notice a difference."
    ),
    # agreement and residuals
    "given": "Given score",
    "predicted": "Predicted score",
    "identity": (
        "The line is where the two are equal. Each dot is a photo, predicted by a model that had not seen it."
    ),
    "dots": "{shown} of {n} photos are drawn, evenly over the scores.",
    "agreement_alt": "Dots of {n} photos, predicted against given score. SRCC {srcc}, mean error {mae}.",
    "held_out_none": (
        "This model keeps no predictions of photos that it had not seen, so there is nothing honest to show here."
        " Models trained by this version keep them."
    ),
    "residual": "Predicted − given",
    "residual_count": "Photos",
    "residuals_note": (
        "Right of (or above) zero the model is too kind, left of (or below) it too strict. That it is too kind to"
        " the worst photos and too strict with the best is normal: it stays near the middle where it is not sure."
    ),
    "histogram_alt": "Histogram of the errors of {n} photos: half of them lie between {low} and {high}.",
    "residual_alt": "Errors over the given score, with their mean along the way.",
    "trend": "mean error along the way",
    # photos
    "photos_best": "Predicted highest",
    "photos_worst": "Predicted lowest",
    "photos_wrong": "Most wrong",
    "photos_note": "Each was predicted by a model that had not seen it.",
    "photo_scores": "given {given}, predicted {predicted}",
    "photo_gone": "The photo is no longer there.",
    "photo_unreadable": "The photo can't be read.",
    "record_none": (
        "This model was made without a record of its training (by an older version, or elsewhere), so curves and "
        "photos are missing here. Train it again to have them."
    ),
}


class Words:
    """The words of one page: escaped, with their values filled in.

    Args:
        words: key → template; English where a key is missing.
        english: the page's own words; those of the report.
    """

    def __init__(self, words: Mapping[str, str], english: Mapping[str, str] = ENGLISH) -> None:
        self._words = {**english, **words}

    def __call__(self, key: str, **values: object) -> str:
        """Return the words of a key as text for HTML."""
        return html.escape(self.plain(key, **values))

    def plain(self, key: str, **values: object) -> str:
        """Return the words of a key unescaped, for what escapes by itself."""
        return self._words[key].format(**values)

    def has(self, key: str) -> bool:
        """Say whether there are words for a key: a model from elsewhere may name what only others know."""
        return key in self._words
