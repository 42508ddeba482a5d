"""The load of the command line's options."""

from comparison.load import Load, Population
from comparison.options import Options


def usual_load(options: Options, mix: str = "0/1/0") -> Load:
    """Announces only, unless said otherwise."""
    return Load(Population(options.torrents, options.peers), mix, options.numwant, options.window, None,
                options.warmup, options.seconds)
