"""The scripts that ship with Fireline, each with its manifest; read by the broker, never imported."""
