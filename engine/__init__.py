"""beholder's engine: learn one person's taste in photos; no terminal code in here."""
