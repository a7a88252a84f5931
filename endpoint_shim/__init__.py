"""The device's side: a small supervisor, and workers that run one command at a time."""

VERSION = "0.1.0"
