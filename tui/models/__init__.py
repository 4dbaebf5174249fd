"""The Models room: what a model is shown as, and the dialogs that ask about one."""
