"""The form of a training, a comparison or a search: only what applies is shown, checked as it is typed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.message import Message
from textual.widgets import Button, Collapsible, Input, Select, Tab, Tabs

from engine.errors import BeholderError
from engine.models.bundle import BundleInfo
from engine.models.catalog import AUGMENTATIONS, FAMILIES, FEWEST_SCORES
from engine.training.spec import parse_split
from tui.i18n import t
from tui.training.draft import AIMS, TYPED, WHOLE, Draft
from tui.training.settings import ADVANCED, CHOSEN, OPTIONS, default_text, searched_text, told
from tui.widgets.comparison_lists import ComparisonLists
from tui.widgets.model_select import model_title
from tui.widgets.paragraphs import Paragraphs
from tui.widgets.setting_field import Choices, SettingField

Standing = Literal["good", "wait", "bad"]
_LOSSES = ("mse", "mae", "huber", "rank", "huber+0.5*rank")


@dataclass(frozen=True)
class BackboneChoice:
    """One backbone as the form shows it.

    Args:
        name: its name in the catalogue, or ``timm:NAME``.
        available: whether its weights are here.
        note: input size and parameters in a few words.
        advice: how to get the weights where they are not here; why a typed name is none.
        known: there is such a backbone.
    """

    name: str
    available: bool
    note: str
    advice: str = ""
    known: bool = True


@dataclass(frozen=True)
class Scored:
    """What there is to learn from.

    Args:
        count: photos with a score. different: different scores among them.
        error: why the scores can't be read.
    """

    count: int
    different: int
    error: BeholderError | None = None

    def problem(self) -> str:
        """Return why nothing can be learned; empty if it can."""
        if self.error is not None:
            return told(self.error)
        if not self.count:
            return t("train.none_scored", least=FEWEST_SCORES)
        if self.count < FEWEST_SCORES:
            return t("train.too_few", n=self.count, least=FEWEST_SCORES)
        return t("train.all_equal", n=self.count) if self.different < 2 else ""


class TrainForm(Vertical):
    """The fields, a line that says what will happen, and the start button.

    Args:
        draft: what was typed so far; the form writes into it.
    """

    DEFAULT_CSS = """
    TrainForm { height: 1fr; }
    TrainForm > #aims { margin-bottom: 1; }
    TrainForm > #fields { height: 1fr; min-height: 3; scrollbar-size: 1 1; padding-right: 1; }
    TrainForm Collapsible { border: none; padding: 0; background: transparent; margin-top: 1; }
    TrainForm Collapsible:focus-within { background-tint: $foreground 0%; }
    TrainForm Collapsible > Contents { padding: 0; }
    TrainForm CollapsibleTitle { padding: 0; color: $text-muted; }
    TrainForm #params { height: auto; }
    TrainForm > #hint { height: 2; color: $text-disabled; margin-top: 1; }
    TrainForm > #verdict { height: auto; min-height: 1; max-height: 4; }
    TrainForm > #verdict.-bad { color: $text-error; }
    TrainForm > #start { margin-top: 1; width: 100%; }
    """

    @dataclass
    class Started(Message):
        """The person wants this job.

        Args:
            kind: ``train``, ``compare`` or ``tune``.
            payload: the fields of its spec.
        """

        kind: str
        payload: dict[str, Any]

    @dataclass
    class BackboneTyped(Message):
        """A backbone of timm was named that nobody looked for yet; finding out takes seconds."""

        name: str

    def __init__(self, draft: Draft) -> None:
        super().__init__()
        self.draft = draft
        self._scored: Scored | None = None
        self._backbones: dict[str, BackboneChoice] = {}
        self._params_of = ""

    # --- the fields -------------------------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        """Yield what can be done, the fields of all of it, and the start button."""
        yield Tabs(*(Tab(t(f"train.aim.{aim}"), id=f"aim-{aim}") for aim in AIMS), id="aims", active=self._aim_tab)
        with VerticalScroll(id="fields", can_focus=False):
            yield ComparisonLists(self.draft.models, self.draft.backbones, id="lists")
            yield self._setting("model", _families())
            yield self._setting("backbone", [(Text(self.draft.texts["backbone"]), self.draft.texts["backbone"])])
            yield self._setting("typed")
            yield self._setting("trials")
            yield from (self._option(option) for option in OPTIONS if option not in ADVANCED)
            yield self._setting("split")
            yield self._setting("folds")
            yield self._setting("seed")
            yield self._setting("name")
            with Collapsible(title=t("train.advanced"), id="advanced", collapsed_symbol="▸", expanded_symbol="▾"):
                yield from (self._option(option) for option in OPTIONS if option in ADVANCED)
                yield self._setting(
                    "weights", [(Text(t("train.weights_default")), "default"), (Text(t("train.weights_none")), "none")]
                )
                yield Vertical(id="params")
        yield Paragraphs("", id="hint")
        yield Paragraphs("", id="verdict")
        yield Button("", id="start", variant="primary", compact=True, disabled=True)

    @property
    def _aim_tab(self) -> str:
        return f"aim-{self.draft.aim}"

    def _setting(self, name: str, choices: Choices | None = None) -> SettingField:
        return SettingField(
            name,
            t(f"train.field.{name}"),
            value=self.draft.texts.get(name, ""),
            choices=choices,
            placeholder=t(f"train.empty.{name}") if name in {"name", "folds", "typed"} else "",
            hint=t(f"train.hint.{name}"),
        )

    def _option(self, option: str) -> SettingField:
        if option == "augment":
            return self._setting(
                option,
                [(Text(t("train.default")), ""), *((Text(t(f"train.augment.{name}")), name) for name in AUGMENTATIONS)],
            )
        if option == "prior":
            return self._setting(option, [(Text(t("train.no_prior")), "")])
        field = self._setting(option)
        return (
            field
            if option != "loss"
            else SettingField(
                option,
                t("train.field.loss"),
                value=self.draft.texts.get(option, ""),
                suggestions=_LOSSES,
                hint=field.hint,
            )
        )

    def on_mount(self) -> None:
        """Show what applies."""
        self._shape()

    def field(self, name: str) -> SettingField:
        """Return the line of a setting."""
        return next(field for field in self.query(SettingField) if field.setting == name)

    def _shape(self) -> None:
        """Show the fields that apply, and fill in what holds where nothing is typed."""
        draft, applying = self.draft, self.draft.fields()
        is_comparison = draft.aim == "compare"
        self.query_one("#lists").display = is_comparison
        family = draft.family
        for field in self.query(SettingField):
            name = field.setting
            field.display = name in applying and (name != "typed" or is_comparison or draft.texts["backbone"] == TYPED)
            if name in family.options and name not in CHOSEN and not is_comparison:
                param = family.options[name]  # type: ignore[index]
                range_ = searched_text(param) if draft.aim == "tune" else ""
                field.ask(t("train.searched", range=range_) if range_ else default_text(param))
            elif name == "epochs":
                field.ask(t("train.default"))
        wanted = "" if is_comparison else f"{draft.aim} {draft.model}"
        if wanted != self._params_of:
            self._params_of = wanted
            self.run_worker(self._show_params(), group="params", exclusive=True)
        self.check()

    async def _show_params(self) -> None:
        """Show the chosen family's own hyper-parameters."""
        box, draft = self.query_one("#params", Vertical), self.draft
        await box.remove_children()
        if draft.aim == "compare":
            return
        fields = []
        for name, param in draft.family.params.items():
            field, range_ = draft.param_field(name), searched_text(param)
            empty = t("train.searched", range=range_) if draft.aim == "tune" and range_ else default_text(param)
            choices = None
            if param.choices:
                choices = [(Text(empty, "dim"), ""), *((Text(str(choice)), str(choice)) for choice in param.choices)]
            hint = t("train.hint.param", name=name, default=default_text(param), range=range_)
            fields.append(
                SettingField(field, name, value=draft.text(field), choices=choices, placeholder=empty, hint=hint)
            )
        await box.mount_all(fields)
        self.check()

    # --- what is known from disk ------------------------------------------------------------------------------

    def show_backbones(self, choices: Sequence[BackboneChoice]) -> None:
        """Offer these backbones, those that are here first; the present choice is kept where it can be."""
        self._backbones.update({choice.name: choice for choice in choices})
        ordered = sorted(choices, key=lambda choice: not choice.available)
        offered = [(_prompt(choice), choice.name) for choice in ordered]
        typed = Text.assemble((f"{TYPED}…", ""), ("\n  " + t("train.typed_about"), "dim"))
        self.field("backbone").offer([*offered, (typed, TYPED)], self.draft.texts["backbone"])
        self.query_one(ComparisonLists).offer([(choice.name, choice.available) for choice in ordered])
        self.check()

    def show_backbone(self, choice: BackboneChoice) -> None:
        """Take in what was found out about a typed backbone."""
        self._backbones[choice.name] = choice
        self.check()

    def focus_start(self) -> None:
        """Put the focus where Enter starts; on the first field where something has to be typed first."""
        start = self.query_one("#start", Button)
        if start.disabled:
            self.query_one("#aims").focus()
        else:
            start.focus()

    def show_models(self, bundles: Sequence[BundleInfo]) -> None:
        """Offer these models to start from."""
        offered = [(Text(t("train.no_prior")), ""), *((Text(model_title(info)), info.model_id) for info in bundles)]
        self.field("prior").offer(offered, self.draft.texts.get("prior", ""))

    def show_scored(self, scored: Scored) -> None:
        """Show how much there is to learn from."""
        self._scored = scored
        self.check()

    # --- what the person does ---------------------------------------------------------------------------------

    def submit(self) -> None:
        """Start if every field is right; else say what is wrong."""
        if self.check():
            self.post_message(self.Started(self.draft.aim, self.draft.payload()))

    @on(Tabs.TabActivated, "#aims")
    def _aimed(self, event: Tabs.TabActivated) -> None:
        event.stop()
        self.draft.aim = (event.tab.id or "aim-train").removeprefix("aim-")
        self._shape()

    @on(ComparisonLists.Ticked)
    def _ticked(self, event: ComparisonLists.Ticked) -> None:
        event.stop()
        self.draft.models, self.draft.backbones = event.models, event.backbones
        self._shape()

    @on(Select.Changed)
    @on(Input.Changed)
    def _changed(self, event: Select.Changed | Input.Changed) -> None:
        event.stop()
        field = next((parent for parent in event.control.ancestors if isinstance(parent, SettingField)), None)
        if field is None or not field.is_attached:
            return
        self.draft.texts[field.setting] = field.value
        if field.setting in {"model", "backbone"}:
            self._shape()
        else:
            self.check()
        typed = self.draft.typed_backbone
        if field.setting == "typed" and typed and typed not in self._backbones:
            self.post_message(self.BackboneTyped(typed))

    @on(Button.Pressed, "#start")
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.submit()

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.query_one("#start", Button).focus()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Say what the field is for."""
        field = next((parent for parent in event.widget.ancestors if isinstance(parent, SettingField)), None)
        self.query_one("#hint", Paragraphs).update(field.hint if field is not None else "")

    # --- what is wrong, or what will happen -------------------------------------------------------------------

    def check(self) -> bool:
        """Show what is wrong, or what will happen; say whether a job can start."""
        if not self.is_mounted:
            return False
        problems = self.draft.problems()
        for field in self.query(SettingField):
            about, warning = self._about(field.setting)
            field.say(about=about, warning=warning, problem=problems.get(field.setting, ""))
        self.query_one(ComparisonLists).tell(problems.get("models", ""), problems.get("backbones", ""))
        standing, text = self._verdict(problems)
        verdict, start = self.query_one("#verdict", Paragraphs), self.query_one("#start", Button)
        verdict.update(text)
        verdict.set_class(standing == "bad", "-bad")
        start.disabled = standing != "good"
        start.label = Text(t(f"train.start.{self.draft.aim}"))
        return standing == "good"

    def _about(self, name: str) -> tuple[str, str]:
        """Return what stands below a field, and the warning there."""
        draft = self.draft
        if name == "model":
            return t(f"train.about.{draft.model}"), ""
        shown = draft.backbone if name == "backbone" and draft.texts["backbone"] != TYPED else ""
        shown = draft.typed_backbone if name == "typed" else shown
        if shown:
            choice = self._backbones.get(shown)
            if choice is None:
                return t("train.looking"), ""
            return choice.note, "" if self._has_weights(choice) else choice.advice
        if name == "augment" and draft.text("augment") == "strong":
            return "", t("train.strong_warning")
        if name == "weights" and draft.text("weights") == "none":
            return "", t("train.random_warning")
        return "", ""

    def _has_weights(self, choice: BackboneChoice) -> bool:
        return choice.known and (choice.available or self.draft.text("weights") == "none")

    def _verdict(self, problems: dict[str, str]) -> tuple[Standing, str]:
        """Return how the form stands, and what the line above the button says."""
        if WHOLE in problems:
            return "bad", problems[WHOLE]
        if problems:
            return "bad", t("train.something_wrong")
        chosen = [self._backbones.get(name) for name in self.draft.chosen_backbones]
        if self._scored is None or None in chosen:
            return "wait", t("train.loading")
        if problem := self._scored.problem():
            return "bad", problem
        missing = [choice for choice in chosen if choice is not None and not self._has_weights(choice)]
        if missing:
            return "bad", t("train.not_here", name=missing[0].name) if missing[0].known else missing[0].advice
        return "good", self._plan(self._scored.count)

    def _plan(self, count: int) -> str:
        draft = self.draft
        if draft.text("folds"):
            text = t("train.plan_folds", n=count, folds=draft.text("folds"))
        else:
            learn, watch, test = (round(part * count) for part in parse_split(draft.text("split")))
            text = t("train.plan", n=count, learn=learn, watch=watch, test=test)
        if draft.aim == "compare":
            trainings = len(draft.models) * len(draft.chosen_backbones)
            return f"{text} {t('train.plan_compare', n=trainings)}"
        if draft.aim == "tune":
            return f"{text} {t('train.plan_tune', names=', '.join(draft.searched()))}"
        return text


def _families() -> Choices:
    # the closed list shows the first line only
    return [(Text.assemble(name, (f"\n  {t(f'train.about.{name}')}", "dim")), name) for name in FAMILIES]


def _prompt(choice: BackboneChoice) -> Text:
    if choice.available:
        return Text.assemble(choice.name, (f"\n  {choice.note}", "dim"))
    return Text.assemble((t("train.unavailable", name=choice.name), "dim"), (f"\n  {choice.note}", "dim"))
