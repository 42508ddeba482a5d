"""The windows of a soak: about a minute each, under load, in which actions are done."""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from comparison.speech import say
from soaking.actions import CALM, HANDOVER, RESTART, Action, Effect
from soaking.figures import disagreements, dropped_datagrams
from soaking.loads import SHARE, WSS, WSS_AGAIN, Loads, Result, Running
from soaking.samples import Samples
from soaking.scene import Scene

# Of load: with its begin and its end, a window takes about a minute. After 55 seconds a load renews its connection ids, in silence.
WINDOW_S = 53.0
# A short soak has as many windows as this.
WINDOWS_MIN = 6
# Mean pause between two actions of a window, of its length.
PAUSE_SHARE = 1 / 15
# Actions begin after the connections have been opened, and end before the load does.
LEAD_S, TAIL_S = 2.0, 2.0
# Which windows have a handover or a restart: every fourth and every eighth, and the first ones soon. The first window has no action.
HANDOVER_EVERY, HANDOVER_FIRST = 4, 1
RESTART_EVERY, RESTART_FIRST = 8, 2
# Between these parts of the soak there is none, so that one process lives long enough to show a leak; then there is one more handover.
QUIET_FROM, QUIET_UNTIL = 0.45, 0.88


@dataclass(frozen=True)
class Done:
    """An action that was done."""

    action: str
    effect: Effect
    begun_s: float
    ended_s: float
    # Empty if it succeeded.
    failure: str


@dataclass
class Window:
    """One window."""

    number: int
    # When the measurement of the saturation began, and when the load did.
    measured_s: float
    begun_s: float
    effect: Effect
    actions: list[Done] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    disagreements: list[str] = field(default_factory=list)
    # Datagrams that the kernel dropped meanwhile because a socket's receive buffer was full, the tracker's or a client's.
    dropped: int = 0
    # When the loads ended, and when everything did.
    loaded_s: float = 0.0
    ended_s: float = 0.0


@dataclass
class Soak:
    """The running of windows."""

    scene: Scene
    loads: Loads
    window_s: float
    samples: Samples
    # When the soak begins and ends.
    span_s: tuple[float, float]
    has_closed: bool = False
    deck: Iterator[Action] = field(init=False)

    def __post_init__(self) -> None:
        """Shuffles the actions."""
        self.deck = shuffled([action for action in CALM if action.missing() is None], self.scene.rng)

    def window(self, number: int) -> Window:
        """Runs a window, and looks at the sums after it."""
        disturbing = self.disturbing_action(number)
        measured_s = time.monotonic()
        saturation_per_s = self.loads.saturation(number)
        say(f"    saturation at {saturation_per_s:,.0f} responses/s over UDP")
        window = Window(number, measured_s, time.monotonic(), disturbing.effect if disturbing else Effect.NONE)
        dropped = dropped_datagrams()
        running = Running(self.loads, self.loads.all(number, self.window_s, saturation_per_s * SHARE))
        try:
            if number > 0:
                self.act(window, running, disturbing)
            window.results = running.finish()
        finally:
            running.kill()
        window.loaded_s = time.monotonic()
        window.dropped = dropped_datagrams() - dropped
        self.keep_swarms(window)
        window.disagreements = disagreements(self.scene.ports.metrics)
        self.samples.rest()
        window.ended_s = time.monotonic()
        return window

    def act(self, window: Window, running: Running, disturbing: Action | None) -> None:
        """Does a disturbing action first, and then calm ones until the window ends."""
        time.sleep(LEAD_S)
        end_s = window.begun_s + self.window_s - TAIL_S
        if disturbing:
            window.actions.append(self.do(disturbing))
            self.reopen(running, window, end_s)
        while (left_s := end_s - time.monotonic()) > 0:
            time.sleep(min(left_s, self.scene.rng.uniform(0, 2 * PAUSE_SHARE * self.window_s)))
            if time.monotonic() < end_s:
                window.actions.append(self.do(next(self.deck)))

    def disturbing_action(self, number: int) -> Action | None:
        """Returns the action of a window that affects the clients."""
        begin_s, end_s = self.span_s
        part = (time.monotonic() - begin_s) / (end_s - begin_s)
        if part < QUIET_FROM:
            due = [action for action, first, every in ((RESTART, RESTART_FIRST, RESTART_EVERY), (HANDOVER, HANDOVER_FIRST, HANDOVER_EVERY))
                   if number >= first and (number - first) % every == 0]
        else:
            due = [HANDOVER] if part >= QUIET_UNTIL and not self.has_closed else []
            self.has_closed = part >= QUIET_UNTIL
        return next((action for action in due if action.missing() is None), None)

    def do(self, action: Action) -> Done:
        """Does an action."""
        begun_s, failure = time.monotonic(), ""
        try:
            action.do(self.scene)
        except Exception as error:  # Whatever it is, it is reported, and the soak continues.
            failure = repr(error)
        done = Done(action.name, action.effect, begun_s, time.monotonic(), failure)
        say(f"    {action.name}: {done.ended_s - begun_s:.1f} s{f', FAILED: {failure}' if failure else ''}")
        return done

    def reopen(self, running: Running, window: Window, end_s: float) -> None:
        """Connects the clients over WebSocket again after their connections have been closed, as browsers do."""
        left_s = end_s - time.monotonic()
        if left_s > 1 and running.has_ended(WSS):
            running.start(WSS_AGAIN, self.loads.over_websocket(window.number + 1, left_s))

    def keep_swarms(self, window: Window) -> None:
        """Announces the known swarms again before they expire, and looks at them."""
        try:
            self.scene.swarms.upload()
            self.scene.swarms.check()
        except Exception as error:
            window.actions.append(Done("known swarms", Effect.NONE, time.monotonic(), time.monotonic(), repr(error)))


def shuffled(actions: list[Action], rng: random.Random) -> Iterator[Action]:
    """Yields all actions again and again, each time in another order."""
    while True:
        yield from rng.sample(actions, len(actions))
