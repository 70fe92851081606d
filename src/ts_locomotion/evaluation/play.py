"""`ts-play <bundle>`: watch a policy walk in MuJoCo, without ROS.

With a display MuJoCo's viewer opens and the keyboard commands the robot; with --video, or without
a display, the walk becomes a film. The robot is that of the simulator node, with the same bridge;
what it sees is the true ground, or with --regime what an evaluation would show it.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np

from ts_locomotion import bundle, rotation, shipped
from ts_locomotion.bundle import Bundle
from ts_locomotion.contract import DEFAULT_BUNDLE
from ts_locomotion.demo import lane, video
from ts_locomotion.demo.recording import Recording
from ts_locomotion.errors import ConfigurationError, LocomotionError
from ts_locomotion.evaluation import keyboard
from ts_locomotion.evaluation.keyboard import Keyboard
from ts_locomotion.evaluation.player import Command, Player, straight
from ts_locomotion.modes import Mode
from ts_locomotion.simulation.courses import COURSES
from ts_locomotion.simulation.height_noise import PERCEPTIONS
from ts_locomotion.simulation.robot_simulator import RobotOptions
from ts_locomotion.simulation.terrain import KINDS
from ts_locomotion.simulation.viewer import Viewer, has_display
from ts_locomotion.ticks import CONTROL_PERIOD

AHEAD, STANDING = (lane.SPEED, 0.0, 0.0), (0.0, 0.0, 0.0)
FILM_LENGTH = 20.0
AFTERMATH = 1.0
"""How long a fallen robot is shown [s]."""
LONGEST_RISE = 10.0
"""A robot that has not got up by then never will [s]."""
BY_TOPIC = "driven by /cmd_vel the same is shown by: ts-bringup terrain:=stairs_up view:=true"
LARGEST_LAG = 0.1
"""A machine further behind the clock does not catch up [s]."""


def main(arguments: list[str] | None = None) -> int:
    """Command line; see `ts-play --help`."""
    options = _parser().parse_args(arguments)
    try:
        if options.duration is not None and not options.duration > 0.0:
            raise ConfigurationError(f"--duration {options.duration}: expected above 0")
        model = bundle.load(bundle.find(options.bundle, shipped.models()))
        player = Player(model, place(options), PERCEPTIONS[options.regime])
        command = checked(tuple(options.command), model) if options.command else None
        if options.video is None and has_display():
            return watch(player, Keyboard(command or STANDING, model.contract), options.duration)
        path = options.video or _default_film(model, options)
        video.check(path)
        recording = walk(player, command or AHEAD, options.duration or FILM_LENGTH)
        video.film(recording, path)
    except (LocomotionError, OSError) as error:
        print(f"ts-play: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("ts-play: interrupted", file=sys.stderr)
        return 130
    print(f"{told(recording)}\nwritten: {path}")
    return 0


def place(options: argparse.Namespace) -> RobotOptions:
    """Where the robot walks. Raises ConfigurationError for what is no terrain, height or seed."""
    if options.seed < 0:
        raise ConfigurationError(f"--seed {options.seed}: expected at least 0")
    if options.terrain in COURSES and options.height is not None:
        raise ConfigurationError(f"{options.terrain} has heights of its own: no --height")
    if options.terrain not in (*KINDS, *COURSES):
        valid = ", ".join((*KINDS, *COURSES))
        raise ConfigurationError(f"unknown terrain {options.terrain!r}; valid: {valid}")
    return RobotOptions(options.terrain, size=options.height, seed=options.seed, gantry=False)


def checked(command: tuple[float, ...], model: Bundle) -> Command:
    """A command (3,). Raises ConfigurationError beyond what the policy has learned."""
    low, high = keyboard.command_limits(model.contract)
    if not ((low <= command) & (command <= high)).all():
        raise ConfigurationError(
            f"--command {command}: {model.contract.name} knows {low.tolist()} to {high.tolist()}"
        )
    v_x, v_y, w_z = command
    return v_x, v_y, w_z


def walk(player: Player, command: Command, duration: float) -> Recording:
    """Let the robot get up and walk so long [s], or until it has fallen."""
    book, walked, waited = player.record(), 0.0, 0.0
    while walked < duration and not player.fell:
        player.step(straight(command, player.sight(), lane.STEERING))
        walked += CONTROL_PERIOD * player.walks
        waited += CONTROL_PERIOD
        if waited > LONGEST_RISE and not walked:
            raise ConfigurationError(f"it does not get up: {player.bridge.mode.reason}")
    outcome = "finished"
    if player.fell:
        outcome = f"fell: {player.bridge.mode.reason}"
        for _ in range(round(AFTERMATH / CONTROL_PERIOD)):
            player.step(command)
    return book.recording(outcome)


def watch(player: Player, keys: Keyboard, duration: float | None) -> int:
    """Show the robot until the window is closed; who falls starts again."""
    viewer = Viewer(player.robot, lambda problem: print(problem, file=sys.stderr), keys.press)
    print(keyboard.HELP)
    walked, lain, due = 0.0, 0.0, time.monotonic()
    while viewer.is_open and (duration is None or walked < duration):
        if keys.restart or lain > AFTERMATH:
            keys.restart, lain = False, 0.0
            player.begin()
        player.step(keys.command)
        lain += CONTROL_PERIOD * player.fell
        walked += CONTROL_PERIOD * player.walks
        now = time.monotonic()
        viewer.refresh(now)
        due = max(due + CONTROL_PERIOD, now - LARGEST_LAG)
        time.sleep(max(0.0, due - now))
    viewer.close()
    return 0


def told(recording: Recording) -> str:
    """One line about a walk."""
    walking = recording.mode == Mode.WALK
    if not walking.any():
        return f"{recording.outcome}, before it walked"
    position, asked = recording.position[walking], recording.command[walking]
    achieved = rotation.yaw(recording.orientation[walking])
    way = np.linalg.norm(np.diff(position[:, :2], axis=0), axis=1).sum()
    got = recording.velocity[walking].mean(axis=0)
    return (
        f"{recording.outcome}: {walking.sum() * CONTROL_PERIOD:.1f} s, {way:.1f} m, to"
        f" x {position[-1, 0]:.2f} y {position[-1, 1]:.2f} m, yaw {achieved[-1]:.2f} rad;"
        f" v_x {got[0]:.2f} of {asked[:, 0].mean():.2f}, v_y {got[1]:.2f} of"
        f" {asked[:, 1].mean():.2f} m/s, w_z {got[2]:.2f} of {asked[:, 2].mean():.2f} rad/s"
    )


def _default_film(model: Bundle, options: argparse.Namespace) -> Path:
    print("ts-play: no display: making a film", file=sys.stderr)
    return Path("out/play") / f"{model.contract.name}_{options.terrain}.gif"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "ts-play", description=__doc__, epilog=f"{keyboard.HELP}; {BY_TOPIC}"
    )
    parser.add_argument(
        "bundle", nargs="?", default=DEFAULT_BUNDLE, help="a folder, or a name below models/"
    )
    parser.add_argument("--terrain", default="flat", help=", ".join((*KINDS, *COURSES)))
    parser.add_argument("--height", type=float, help="of the terrain [m]; default: middling")
    parser.add_argument("--seed", type=int, default=0, help="of the terrain and what is seen")
    parser.add_argument(
        "--duration",
        type=float,
        help=f"of walking [s]; default: {FILM_LENGTH:g} of a film, or until the window is closed",
    )
    parser.add_argument(
        "--command",
        type=float,
        nargs=3,
        metavar=("VX", "VY", "WZ"),
        help="[m/s, m/s, rad/s]; straight ahead it is held on the lane; default of a film:"
        f" {AHEAD[0]} 0 0",
    )
    parser.add_argument(
        "--regime",
        default="clean",
        choices=PERCEPTIONS,
        help="what lies between it and the ground",
    )
    parser.add_argument("--video", type=Path, help=f"film instead: *{', *'.join(video.ENDINGS)}")
    return parser


if __name__ == "__main__":
    sys.exit(main())
