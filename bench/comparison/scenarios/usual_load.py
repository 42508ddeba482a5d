"""The load of the command line's options."""

from comparison.load import Load, Population
from comparison.options import Options


def usual_load(options: Options, mix: str = "0/1/0") -> Load:
    """Returns the load, with announces only unless `mix` says otherwise."""
    return Load(Population(options.torrents, options.peers), mix, options.numwant, options.window, None,
                options.warmup, options.seconds, segments=options.segments)
