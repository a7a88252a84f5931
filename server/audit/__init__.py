"""The journal: records, recordings, result files, and what checks and replays them."""
