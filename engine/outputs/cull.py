"""Cull: bring the best photos, or the best of each burst, into a folder; and take it back."""

from __future__ import annotations

from engine.outputs.cull_bursts import Likeness, cached_likeness
from engine.outputs.cull_log import LOG_NAME
from engine.outputs.cull_moves import Culled, carry_out, undo_cull
from engine.outputs.cull_plan import Choice, CullPlan, How, Link, check_request, plan_cull
from engine.outputs.cull_rows import read_rows

__all__ = [
    "LOG_NAME",
    "Choice",
    "CullPlan",
    "Culled",
    "How",
    "Likeness",
    "Link",
    "cached_likeness",
    "carry_out",
    "check_request",
    "plan_cull",
    "read_rows",
    "undo_cull",
]
