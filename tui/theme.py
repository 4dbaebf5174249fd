"""The app's own two themes: a calm dark one and a light one."""

from __future__ import annotations

from textual.theme import Theme

DARK = Theme(
    name="beholder-dark",
    primary="#d9a05b",
    secondary="#7fa7b8",
    accent="#d9a05b",
    warning="#dfb867",
    error="#d0706a",
    success="#8fb573",
    foreground="#dcd7cf",
    background="#16171a",
    surface="#1d1f23",
    panel="#272a2f",
    dark=True,
    variables={
        "block-cursor-background": "#d9a05b",
        "block-cursor-foreground": "#16171a",
        "block-cursor-text-style": "bold",
        "block-cursor-blurred-background": "#3a352d",
        "footer-background": "#1d1f23",
        "footer-key-foreground": "#d9a05b",
        "footer-description-foreground": "#a9a49b",
        "input-selection-background": "#d9a05b 35%",
        "border": "#d9a05b",
        "border-blurred": "#3a3e45",
        "scrollbar": "#3a3e45",
        "scrollbar-hover": "#555a63",
        "scrollbar-active": "#d9a05b",
        "scrollbar-background": "#1d1f23",
        "scrollbar-background-hover": "#1d1f23",
        "scrollbar-background-active": "#1d1f23",
        "scrollbar-corner-color": "#1d1f23",
        "button-focus-text-style": "bold",
    },
)

LIGHT = Theme(
    name="beholder-light",
    primary="#8a5a1c",
    secondary="#2f6478",
    accent="#8a5a1c",
    warning="#946a00",
    error="#a8322c",
    success="#3f6f26",
    foreground="#2a2825",
    background="#f4f1ec",
    surface="#ebe7e0",
    panel="#dfdad1",
    dark=False,
    variables={
        "block-cursor-background": "#8a5a1c",
        "block-cursor-foreground": "#fbf9f6",
        "block-cursor-text-style": "bold",
        "block-cursor-blurred-background": "#d8cbb6",
        "footer-background": "#e3ded5",
        "footer-key-foreground": "#8a5a1c",
        "footer-description-foreground": "#5d584f",
        "border": "#8a5a1c",
        "border-blurred": "#c4bdb0",
        "button-focus-text-style": "bold",
    },
)
