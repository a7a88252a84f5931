"""Files taken from devices: written while hashed, named only when both sides agree."""
