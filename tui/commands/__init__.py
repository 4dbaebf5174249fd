"""The commands of the command line, one file a group; each file has a `register`."""

from __future__ import annotations

from tui.commands import (
    backbones,
    demo,
    doctor,
    importing,
    jobs,
    models,
    predict,
    scores,
    train,
    workspace,
)

REGISTER = (
    demo.register,
    workspace.register,
    importing.register,
    scores.register,
    backbones.register,
    train.register,
    jobs.register,
    models.register,
    predict.register,
    doctor.register,
)
