"""Terminals: a PTY on Linux, a ConPTY on Windows; imported only where they run."""
