"""Limits on what an artifact or a program may ask for, each a named constant with its unit."""

# Rows (float32 elements of one sample) of one buffer: as graph.limits.MAX_SAMPLE_ELEMENTS.
MAX_BUFFER_ROWS = 64 * 1024 * 1024
# Rows of all buffers together, and multiplications for one sample: what is checked and run takes minutes at most.
MAX_ROWS = 2**32
MAX_OPERATIONS = 2**41
MAX_BUFFERS = 40_000
MAX_STEPS = 40_000
MAX_SLOTS = 1_024
MAX_AXES = 8
MAX_NAME_CHARACTERS = 1_024
# One arena; a tile width whose arena would be larger is not offered.
MAX_ARENA_BYTES = 8 * 1024**3
MAX_TILES = 16
MAX_LANES = 256
# Different kernels of one model, which may all have to be compiled when it is loaded.
MAX_KERNELS = 1_024
# Threads that a plan may be made for.
MAX_PLAN_THREADS = 1_024
# Ranges of one layer's outputs that threads compute at the same time.
MAX_PARTS = 32
MAX_SECTIONS = 200_000
MAX_MANIFEST_BYTES = 64 * 1024 * 1024
MAX_ARTIFACT_BYTES = 16 * 1024**3
