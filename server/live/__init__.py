"""Sessions, streams and jobs: what happens between a responder and a device."""
