"""The scripts that ship, each with its manifest; read by the broker, never imported."""
