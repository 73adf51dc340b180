"""The stages of a job, in order: what the worker process may say, and what the server says itself."""

UPLOAD_STAGES = ("read", "verify", "prune", "compile", "check", "write")
RETUNE_STAGES = ("tune",)
SERVER_STAGES = ("load", "publish")
