"""What both sides know: one file per word a responder types, found by name."""
