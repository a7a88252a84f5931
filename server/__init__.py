"""The broker: who comes in, what runs, what is recorded."""
