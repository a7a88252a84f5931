"""The `fireline` program: what works alone, and the client of the admin socket."""
