"""How many parts a step is worth, and what each of them does."""

# A part moves or computes at least so many numbers: with fewer, waiting for other threads takes longer.
LEAST_NUMBERS = 32 * 1024


def part_ranges(units: int, numbers: int, threads: int) -> tuple[range, ...]:
    """Return the units of each part, at least one part.

    Args:
        units: what cannot be divided any more.
        numbers: how many numbers the whole step moves or computes.
        threads: number of threads.
    """
    count = max(1, min(threads, units, numbers // LEAST_NUMBERS))
    bounds = [units * part // count for part in range(count + 1)]
    return tuple(range(bounds[part], bounds[part + 1]) for part in range(count))
