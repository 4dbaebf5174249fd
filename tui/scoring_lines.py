"""The words of the scoring mode: where one is, what was scored, and what a sitting came to."""

from __future__ import annotations

from rich.text import Text

from engine.errors import display_name
from engine.labels.rerates import Consistency, Rerate, consistency
from engine.models.catalog import FEWEST_SCORES
from engine.workspace import Scale, format_score
from tui.cell_width import cut, width
from tui.i18n import t
from tui.scoring_session import ScoringSession, Told

_GAP = 2
_SHORTEST_NAME = 8
_BAR = (8, 24)
"""Cells of the bar, at least and at most."""
_FINE_SPAN = 20
"""A scale at least this wide shows a guess without decimals."""


def place_line(session: ScoringSession, cells: int) -> Text:
    """Return place, progress, pace and the photo's name; what does not fit is left out, the place never."""
    queue = session.queue
    if queue.turn is None:
        return Text(f" {t('scoring.title')}", style="bold")
    place = t("scoring.place", place=queue.place + 1, total=queue.stop, left=queue.left)
    line = Text(f" {place}", style="bold", no_wrap=True, overflow="ellipsis")
    flag = f" · {t('scoring.flagged')}" if queue.turn.name in session.flagged else ""
    name = t("scoring.blind") if queue.is_blind else display_name(queue.turn.name)
    room = cells - line.cell_len - width(flag) - _GAP - 1
    kept = min(width(name), max(room // 2, _SHORTEST_NAME))
    for pace in pace_texts(session):
        if room - kept >= width(pace) + _GAP:
            line.append(f"  {pace}", style="dim")
            room -= width(pace) + _GAP
            break
    if room - kept >= _BAR[0] + _GAP:
        length = min(room - kept - _GAP, _BAR[1])
        line.append("  ").append_text(bar(queue.place, queue.stop, length))
        room -= length + _GAP
    if room >= _SHORTEST_NAME:
        shown = middle_cut(name, room)
        line.append(" " * (room - width(shown) + _GAP)).append(shown, style="dim" if queue.is_blind else "")
    return line.append(flag, style="bold")


def bar(done: int, total: int, cells: int) -> Text:
    """Return a bar of this many cells, heavy as far as it is done.

    >>> bar(5, 10, 8).plain
    '━━━━────'
    """
    heavy = min(round(cells * done / total), cells) if total else 0
    return Text("━" * heavy).append("─" * (cells - heavy), style="dim")


def pace_texts(session: ScoringSession) -> list[str]:
    """Return photos a minute with the minutes that are left, and without; nothing before there is a pace."""
    pace, minutes = session.pace.a_minute(), session.pace.minutes(session.queue.left)
    if pace is None or minutes is None:
        return []
    rate = t("scoring.pace", n=rounded(pace))
    if not session.queue.left:
        return [rate]
    left = t("scoring.minutes", n=round(minutes)) if minutes >= 1 else t("scoring.under_a_minute")
    return [f"{rate} · {left}", rate]


def rounded(pace: float) -> str:
    """Return a pace as people say it."""
    return f"{pace:.0f}" if pace >= 10 else f"{pace:.1f}"


def score_line(session: ScoringSession, cells: int, *, finding: str | None = None, note: str = "") -> Text:
    """Return the score, typed or present, and to the right a note or what was just scored.

    Args:
        session: the sitting.
        cells: how wide the line is.
        finding: what is typed to find a photo; None while none is looked for.
        note: told instead of what was just scored.
    """
    left = Text(" ", no_wrap=True, overflow="ellipsis")
    hint = ""
    if finding is not None:
        left.append(f"{t('scoring.find_label')} ", style="bold").append(f"{finding}▏", style="bold")
        hint = t("scoring.find_hint_blind") if session.queue.is_blind else t("scoring.find_hint")
    elif session.queue.turn is not None:
        left.append(f"{t('app.score.label')} ", style="bold")
        if session.typed:
            left.append(f"{session.typed}▏", style="bold")
            hint = typing_hint(session)
        else:
            left.append(format_score(session.score) or "–", style="bold")
            hint = keys_hint(session)
    room = cells - left.cell_len - _GAP - 1
    needed = width(hint) + _GAP if hint and (session.keys or session.typed or finding is not None) else 0
    right = note or ("" if session.told is None else told_text(session.told, session.scale, room - needed))
    if hint and width(hint) + _GAP <= (room if needed else room - width(right)):
        left.append(f"  {hint}", style="dim")
        room -= width(hint) + _GAP
    right = cut(right, max(room, 0))
    left.append(" " * max(cells - left.cell_len - width(right) - 1, 0))
    return left.append(right, style="" if note else "bold")


def typing_hint(session: ScoringSession) -> str:
    """Return what is to be done with what is being typed."""
    low, high = (format_score(end) for end in (session.scale.low, session.scale.high))
    return t("app.score.outside", low=low, high=high) if is_off(session) else t("scoring.enter")


def is_off(session: ScoringSession) -> bool:
    """Say whether what is typed lies beyond the scale, so that more digits would not help."""
    try:
        number = float(session.typed)
    except ValueError:
        return False
    return number > session.scale.high if number >= 0 else number < session.scale.low


def keys_hint(session: ScoringSession) -> str:
    """Return which keys give which scores."""
    keys = {key: format_score(score) for key, score in session.keys.items()}
    if not keys:
        low, high = format_score(session.scale.low), format_score(session.scale.high)
        return t("scoring.type_hint" if session.advance else "scoring.type_hint_enter", low=low, high=high)
    if session.style == "stars":
        return f"★ 1–5 = {' '.join(keys.values())}"
    if all(key == score for key, score in keys.items()):
        return t("scoring.digits_hint", first=min(keys), last=max(keys))
    told = [f"1–9={keys['1']}–{keys['9']}"] if "9" in keys else []
    return "  ".join([*told, *(f"{key}={keys[key]}" for key in ("0", "`") if key in keys)])


def told_text(told: Told, scale: Scale, cells: int) -> str:
    """Return what was given and what the model had guessed; the name is cut before anything else.

    >>> told_text(Told("IMG_1.jpg", 80.0, 71.6), Scale(), 60)
    'IMG_1.jpg: you 80 · model 72 (+8)'
    """
    text = t("scoring.told", score=format_score(told.score))
    if told.guess is not None:
        guess = round(told.guess, 0 if scale.span >= _FINE_SPAN else 1)
        difference = format_score(told.score - guess)
        signed = f"+{difference}" if told.score > guess else "±0" if told.score == guess else difference
        text = t("scoring.told_guess", score=format_score(told.score), guess=format_score(guess), difference=signed)
    room = cells - width(text) - 2
    name = display_name(told.name)
    if not name or room < _SHORTEST_NAME:
        return text
    return t("scoring.told_name", name=middle_cut(name, room), told=text)


def consistency_text(found: Consistency) -> str:
    """Return how far second ratings are from the first ones; empty where there are none."""
    if not found.n:
        return ""
    mae = f"{found.mae:.1f}"
    away = t("scoring.again_one", mae=mae) if found.n == 1 else t("scoring.again", n=found.n, mae=mae)
    if found.srcc is None:
        return f"{away}."
    return t("scoring.again_rank", away=away, srcc=f"{found.srcc:.2f}")


def consistency_of(session: ScoringSession) -> Consistency:
    """Return how consistent somebody was in this sitting."""
    pairs = [Rerate("", "", step.name, step.before or 0.0, step.score) for step in session.rerated]
    return consistency(pairs, session.scale)


def result_text(session: ScoringSession) -> str:
    """Return one or two sentences about the sitting; empty where nothing was scored."""
    tally = session.tally()
    pace = session.pace.a_minute()
    told = []
    if tally.scored:
        told.append(t("scoring.scored_one") if tally.scored == 1 else t("scoring.scored", n=tally.scored))
    if pace is not None:
        told.append(t("scoring.scored_pace", n=rounded(pace)))
    if again := consistency_text(consistency_of(session)):
        told.append(again)
    return t("scoring.sentences").join(told)


def summary(session: ScoringSession) -> Text:
    """Return what the sitting came to and what can be done next."""
    tally, scored, at_end = session.tally(), session.queue.scored, session.queue.turn is None
    text = Text()
    text.append(t("scoring.end") if at_end else t("scoring.so_far"), style="bold").append("\n\n")
    text.append(result_text(session) or t("scoring.nothing")).append("\n")
    if tally.passed and at_end:
        passed = t("scoring.passed_one") if tally.passed == 1 else t("scoring.passed", n=tally.passed)
        text.append(passed).append("\n")
    text.append("\n")
    steps: list[tuple[str, str]] = []
    if not at_end:
        steps.append(("p", t("scoring.next_back")))
    elif tally.passed:
        steps.append(("n", t("scoring.next_passed")))
    elif tally.more:
        steps.append(("n", t("scoring.next_more", n=tally.more)))
    if scored >= FEWEST_SCORES:
        steps.append(("F4", t("scoring.next_train", n=scored)))
    else:
        steps.append(("  ", t("scoring.next_missing", n=FEWEST_SCORES - scored)))
    steps.append(("F3", t("scoring.next_data")))
    if at_end:
        steps.append(("o", t("scoring.next_order")))
    steps.append(("esc", t("scoring.next_leave")))
    for key, told in steps:
        text.append(f"{key:>3}", style="bold").append(f"  {told}\n")
    return text


def middle_cut(text: str, cells: int) -> str:
    """Return the text, its middle replaced by ``…`` where it is too wide: the end of a name tells photos apart.

    >>> middle_cut("holiday_IMG_2041.jpg", 12)
    'holid…41.jpg'
    """
    if width(text) <= cells:
        return text
    tail = text[-max(cells // 2, 1) :]
    while tail and width(tail) > cells // 2:
        tail = tail[1:]
    head = cut(text, cells - width(tail))
    return head + tail
