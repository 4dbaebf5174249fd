"""The form of a training: model, backbone, split, seed and name, checked as they are typed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Button, Input, Label, Select, Static

from engine.errors import BeholderError, UsageError
from engine.features import backbones
from engine.models.catalog import DEFAULT_MODEL, FEWEST_SCORES, MODELS
from engine.training.spec import parse_split
from tui.i18n import say, t

_DEFAULTS = {
    "model": DEFAULT_MODEL,
    "backbone": backbones.DEFAULT,
    "split": "70/15/15",
    "seed": "0",
    "name": "",
}
_ABOUT = {"taste": "train.about_taste", "random-forest": "train.about_random_forest"}


@dataclass(frozen=True)
class BackboneChoice:
    """One backbone as the form shows it.

    Args:
        name: its name in the catalogue.
        available: whether its weights are here.
        note: input size, parameters and licence in a few words.
    """

    name: str
    available: bool
    note: str


def parse_seed(text: str) -> int:
    """Return the seed.

    Raises:
        UsageError: the text is not a whole number from 0 to 2147483647.
    """
    if not re.fullmatch(r"\s*[0-9]{1,10}\s*", text) or int(text) >= 2**31:
        raise UsageError(
            "“{text}” is not a seed.", remedy="Write a whole number from 0 to 2147483647, such as 0.", text=text
        )
    return int(text)


class TrainForm(Vertical):
    """The fields, a line that says what will happen, and the start button."""

    DEFAULT_CSS = """
    TrainForm { height: auto; }
    TrainForm .row { height: 1; }
    TrainForm .row Label { width: 10; color: $text-muted; }
    TrainForm .row Input, TrainForm .row Select { width: 1fr; }
    TrainForm .row Input { background: $boost; }
    TrainForm .row Input:focus { background-tint: $primary 20%; }
    TrainForm .row Input.-invalid { color: $text-error; }
    TrainForm .row .after { width: auto; padding: 0 1 0 2; }
    TrainForm .row #seed { width: 11; }
    TrainForm #about-model, TrainForm #about-backbone { padding-left: 10; color: $text-disabled; height: auto; }
    TrainForm #verdict { height: auto; min-height: 2; margin-top: 1; }
    TrainForm #verdict.-bad { color: $text-error; }
    TrainForm #start { margin-top: 1; width: 100%; }
    """

    @dataclass
    class Started(Message):
        """The person wants this training.

        Args:
            payload: the fields of a `TrainSpec`.
        """

        payload: dict[str, Any]

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self._values = {**_DEFAULTS, **(values or {})}
        self._scored: int | None = None
        self._different = 0
        self._error: BeholderError | None = None
        self._backbones: Sequence[BackboneChoice] = ()

    def compose(self) -> ComposeResult:
        with Horizontal(classes="row"):
            yield Label(t("train.model"))
            yield Select(
                [(Text(name), name) for name in MODELS],
                value=self._values["model"],
                allow_blank=False,
                id="model",
                compact=True,
            )
        yield Static("", id="about-model", markup=False)
        with Horizontal(classes="row"):
            yield Label(t("train.backbone"))
            name = self._values["backbone"]
            yield Select([(Text(name), name)], value=name, allow_blank=False, id="backbone", compact=True)
        yield Static("", id="about-backbone", markup=False)
        with Horizontal(classes="row"):
            yield Label(t("train.split"))
            yield Input(self._values["split"], id="split", compact=True, max_length=30)
            yield Label(t("train.seed"), classes="after")
            yield Input(self._values["seed"], id="seed", compact=True, max_length=10)
        with Horizontal(classes="row"):
            yield Label(t("train.name"))
            yield Input(self._values["name"], placeholder=t("train.name_hint"), id="name", compact=True, max_length=80)
        yield Static("", id="verdict", markup=False)
        yield Button(t("train.start"), id="start", variant="primary", compact=True, disabled=True)

    def on_mount(self) -> None:
        self._check()

    def show_backbones(self, choices: Sequence[BackboneChoice]) -> None:
        """Offer these backbones; the present choice is kept where it can be."""
        self._backbones = sorted(choices, key=lambda choice: not choice.available)
        select: Select[str] = self.query_one("#backbone", Select)
        before = select.value
        select.set_options(
            [
                (
                    Text(choice.name) if choice.available else Text(t("train.unavailable", name=choice.name), "dim"),
                    choice.name,
                )
                for choice in self._backbones
            ]
        )
        names = [choice.name for choice in self._backbones]
        if before in names:
            select.value = before
        elif names:
            select.value = names[0]
        self._check()

    def show_scored(self, count: int, different: int, error: BeholderError | None = None) -> None:
        """Show how many photos are scored, and how many different scores there are.

        Args:
            count: photos with a score.
            different: different scores among them.
            error: why the scores can't be read; it stands where the plan would stand.
        """
        self._scored, self._different, self._error = count, different, error
        self._check()

    def values(self) -> dict[str, str]:
        """Return what stands in the fields, right or wrong, to make the same form again."""
        fields = {name: self.query_one(f"#{name}", Input).value for name in ("split", "seed", "name")}
        return {
            "model": str(self.query_one("#model", Select).value),
            "backbone": str(self.query_one("#backbone", Select).value),
            **fields,
        }

    def payload(self) -> dict[str, Any]:
        """Return the fields of a `TrainSpec`.

        Raises:
            UsageError: a field is wrong.
        """
        backbone = self.query_one("#backbone", Select).value
        return {
            "model": self.query_one("#model", Select).value,
            "backbone": backbone,
            "split": list(parse_split(self.query_one("#split", Input).value)),
            "seed": parse_seed(self.query_one("#seed", Input).value),
            "name": self.query_one("#name", Input).value.strip(),
        }

    def submit(self) -> None:
        """Start the training if every field is right; else say what is wrong."""
        if not self._check():
            return
        self.post_message(self.Started(self.payload()))

    @on(Select.Changed)
    @on(Input.Changed)
    def _changed(self) -> None:
        self._check()

    @on(Button.Pressed, "#start")
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.submit()

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.query_one("#start", Button).focus()

    def _check(self) -> bool:
        """Show what is wrong, or what will happen; say whether a training can start."""
        model = str(self.query_one("#model", Select).value)
        self.query_one("#about-model", Static).update(t(_ABOUT[model]) if model in _ABOUT else "")
        chosen = self.query_one("#backbone", Select).value
        backbone = next((choice for choice in self._backbones if choice.name == chosen), None)
        self.query_one("#about-backbone", Static).update(backbone.note if backbone else "")
        problem, text = True, t("train.loading")
        split = self._field("#split", parse_split)
        seed = self._field("#seed", parse_seed)
        if isinstance(split, UsageError) or isinstance(seed, UsageError):
            wrong = split if isinstance(split, UsageError) else seed
            assert isinstance(wrong, UsageError)
            text = f"{say(wrong.message)} {say(wrong.remedy)}"
        elif self._scored is None or backbone is None:
            pass
        elif self._error is not None:
            text = f"{say(self._error.message)} {say(self._error.remedy)}"
        elif not self._scored:
            text = t("train.none_scored", least=FEWEST_SCORES)
        elif self._scored < FEWEST_SCORES:
            text = t("train.too_few", n=self._scored, least=FEWEST_SCORES)
        elif self._different < 2:
            text = t("train.all_equal", n=self._scored)
        elif not backbone.available:
            text = t("train.not_here", name=backbone.name)
        else:
            problem = False
            learn, watch, test = (round(part * self._scored) for part in split)
            text = t("train.plan", n=self._scored, learn=learn, watch=watch, test=test)
        verdict = self.query_one("#verdict", Static)
        verdict.update(text)
        verdict.set_class(problem and self._scored is not None and backbone is not None, "-bad")
        self.query_one("#start", Button).disabled = problem
        return not problem

    def _field(self, selector: str, parse: Callable[[str], Any]) -> Any:
        field = self.query_one(selector, Input)
        try:
            value = parse(field.value)
        except UsageError as error:
            field.add_class("-invalid")
            return error
        field.remove_class("-invalid")
        return value
