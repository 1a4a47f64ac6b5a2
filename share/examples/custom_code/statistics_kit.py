"""Files run in the order of their names; each sees what those before it have defined, and all may import each other."""
import statistics


def summary(values):
    """Mean, median and deviation of some numbers, for a first look."""
    return {
        "n": len(values),
        "mean": statistics.fmean(values),
        "median": statistics.median(values),
        "stdev": statistics.stdev(values) if len(values) > 1 else 0.0,
    }
