"""Find pictures and open them safely: allow-listed formats, a pixel limit, one right orientation and colour."""
