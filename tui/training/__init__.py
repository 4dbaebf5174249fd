"""What the Train room knows without any widget: what was typed so far, how curves are drawn, how trainings are told."""
