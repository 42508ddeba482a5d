"""The responses of a load over its measured time."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Timeline:
    """The result of a load, whose times are seconds of the measurement."""

    result: dict

    def at(self, unix_s: float) -> float:
        """Returns a moment in seconds of the measurement."""
        return unix_s - self.result["measured_from_unix_s"]

    def rate_per_s(self, window_s: tuple[float, float]) -> float:
        """Returns the rate of responses over a part of the measurement."""
        slice_s, answered = self.result["slice_s"], self.result["answered_per_slice"]
        first, last = int(window_s[0] / slice_s), int(window_s[1] / slice_s)
        return sum(answered[first:last]) / max(slice_s, (min(last, len(answered)) - first) * slice_s)

    def seconds(self, window_s: tuple[float, float]) -> list[float]:
        """Returns the rate of each whole second of it, or of all of it if it is shorter."""
        first, last = window_s
        starts = [first + second for second in range(int(last - first))]
        return [self.rate_per_s((start, start + 1)) for start in starts] or [self.rate_per_s(window_s)]
