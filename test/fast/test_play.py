"""Watching a policy: the robot in one process, the keys, the films."""

import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import bundles
import mujoco
import numpy as np
import pytest
from PIL import Image

from ts_locomotion import bundle, perception
from ts_locomotion.demo import lane, video
from ts_locomotion.demo.camera import HEIGHT, WIDTH
from ts_locomotion.errors import ConfigurationError
from ts_locomotion.evaluation import keyboard, play
from ts_locomotion.evaluation.keyboard import Keyboard
from ts_locomotion.evaluation.player import Eyes, Player, straight
from ts_locomotion.modes import Mode
from ts_locomotion.simulation import viewer
from ts_locomotion.simulation.height_noise import PERCEPTIONS
from ts_locomotion.simulation.robot_simulator import RobotOptions, make_ground

FLAT = RobotOptions("flat", gantry=False)


@pytest.fixture(scope="module")
def seeing(tmp_path_factory):
    return bundle.load(bundles.write_seeing(tmp_path_factory.mktemp("seeing")))


@pytest.fixture(scope="module")
def recording(seeing):
    """A robot that got up and then stood for half a second."""
    place = RobotOptions("stairs_up", size=0.1, gantry=False)
    return play.walk(Player(seeing, place, PERCEPTIONS["clean"]), (0.3, 0.0, 0.0), 0.5)


def test_the_robot_gets_up_by_itself_and_is_recorded_on_its_ground(recording):
    assert recording.outcome == "finished"
    assert recording.mode[0] == Mode.DAMP and recording.mode[-1] == Mode.WALK
    assert recording.position[0, 2] < 0.15 < 0.25 < recording.position[-1, 2]
    assert (recording.mode == Mode.WALK).sum() == pytest.approx(25, abs=1)
    assert not recording.command[recording.mode == Mode.STAND].any()
    assert recording.command[-1, 0] == 0.3
    assert len(recording.box_centres) == len(
        make_ground(RobotOptions("stairs_up", size=0.1)).centres
    )
    assert recording.looked and np.isfinite(recording.believed).all()


def test_a_height_is_that_of_the_ground():
    tall = make_ground(RobotOptions("stairs_up", size=0.25))
    assert tall.size == 0.25
    assert make_ground(RobotOptions("stairs_up", 1.0)).size == 0.20


def test_the_eyes_see_the_true_ground_where_no_regime_is_named():
    ground = make_ground(RobotOptions("stairs_up", size=0.15))
    player = SimpleNamespace(
        position=np.array([2.2, 0.1, 0.6]), orientation=np.array([1.0, 0, 0, 0])
    )
    joints = np.array([0.0, 0.8, -1.5] * 4)
    points = perception.scan_points(player.position, player.orientation, joints)
    actual = ground.height(points.x, points.y) - points.foot_height[:, None]
    scans = {}
    for name in ("clean", "noisy", "blank"):
        eyes = Eyes(ground, PERCEPTIONS[name], seed=0)
        eyes.begin()
        scans[name] = eyes.look(player, joints)
    assert np.ptp(actual) > 0.2
    # Points beside an edge may fall into the cell beyond it.
    wrong = np.abs(scans["clean"].heights - actual.ravel()) > 1e-4
    assert wrong.mean() < 0.08 and scans["clean"].valid.all()
    assert np.abs(scans["noisy"].heights - actual.ravel()).mean() > 0.03
    assert not scans["blank"].valid.any()


def test_who_falls_is_damped_and_begins_anew_when_told(seeing):
    player = Player(seeing, FLAT, PERCEPTIONS["blank"])
    player.step((0.0, 0.0, 0.0))
    player.robot.data.qpos[3:7] = [0.0, 1.0, 0.0, 0.0]
    for _ in range(3):
        player.step((0.0, 0.0, 0.0))
    assert player.fell and not player.walks
    player.begin()
    player.step((0.0, 0.0, 0.0))
    assert not player.fell and player.bridge.mode.mode == Mode.STAND


def test_a_walk_that_ends_in_a_fall_says_so(seeing):
    player = Player(seeing, FLAT, PERCEPTIONS["blank"])
    while not player.walks:
        player.step((0.0, 0.0, 0.0))
    player.robot.data.qpos[3:7] = [0.0, 1.0, 0.0, 0.0]
    fallen = play.walk(player, (0.3, 0.0, 0.0), 5.0)
    assert fallen.outcome.startswith("fell: ") and len(fallen.time) < 70
    assert "fell" in play.told(fallen)


def test_only_straight_ahead_is_held_on_the_lane(seeing):
    sight = Player(seeing, FLAT, PERCEPTIONS["blank"]).sight()
    askew = sight._replace(orientation=np.array([np.cos(0.1), 0.0, 0.0, np.sin(0.1)]))
    assert straight((0.6, 0.0, 0.0), askew, lane.STEERING)[2] < -0.1
    for command in ((0.6, 0.1, 0.0), (0.6, 0.0, 0.3), (0.0, 0.0, 0.0)):
        assert straight(command, askew, lane.STEERING) == command


def test_keys_add_to_the_command_within_what_the_policy_knows(seeing):
    said = []
    keys = Keyboard((0.0, 0.0, 0.0), seeing.contract, said.append)
    for _ in range(3):
        keys.press(keyboard.UP)
    keys.press(keyboard.LEFT)
    assert keys.command == (0.3, 0.0, 0.2) and "v_x 0.3" in said[2]
    for _ in range(20):
        keys.press(keyboard.DOWN)
    assert keys.command == (-0.5, 0.0, 0.2)
    keys.press(ord("W"))
    assert keys.command == (-0.5, 0.0, 0.2) and len(said) == 24
    keys.press(keyboard.ENTER)
    assert keys.command == (0.0, 0.0, 0.0) and not keys.restart
    keys.press(keyboard.HOME)
    assert keys.restart


class Window:
    """A viewer whose user presses keys at given pictures, then closes it."""

    plan: ClassVar[dict[int, int]] = {}
    pictures = 0

    def __init__(self, robot, _warn, pressed):
        self.robot, self.pressed, self.shown = robot, pressed, []
        Window.last = self

    @property
    def is_open(self):
        return len(self.shown) < Window.pictures

    def refresh(self, _now):
        self.shown.append(self.robot.base_position.copy())
        if len(self.shown) in Window.plan:
            self.pressed(Window.plan[len(self.shown)])

    def close(self):
        Window.closed = True


def test_the_keyboard_drives_the_robot_in_the_window(seeing, monkeypatch):
    monkeypatch.setattr(play, "Viewer", Window)
    monkeypatch.setattr(play.time, "sleep", lambda _: None)
    Window.pictures, Window.plan = 180, {10: keyboard.UP, 150: keyboard.HOME}
    player = Player(seeing, FLAT, PERCEPTIONS["clean"])
    keys = Keyboard((0.0, 0.0, 0.0), seeing.contract)
    book = player.record()
    assert play.watch(player, keys, None) == 0
    height = np.array(Window.last.shown)[:, 2]
    assert height[149] > 0.25 and height[151] < 0.15, "it lies again after the key"
    assert book.recording("").command[145, 0] == pytest.approx(0.1)
    assert Window.closed


def test_a_duration_ends_the_watching(seeing, monkeypatch):
    monkeypatch.setattr(play, "Viewer", Window)
    monkeypatch.setattr(play.time, "sleep", lambda _: None)
    Window.pictures, Window.plan = 1000, {}
    keys = Keyboard((0.0, 0.0, 0.0), seeing.contract)
    play.watch(Player(seeing, FLAT, PERCEPTIONS["clean"]), keys, 0.2)
    assert 100 < len(Window.last.shown) < 200


def test_the_viewer_follows_the_robot_and_hears_the_keys(seeing, monkeypatch):
    told = {}
    handle = SimpleNamespace(
        cam=mujoco.MjvCamera(), is_running=lambda: True, sync=lambda: told.update(synced=True)
    )

    def launch(model, data, key_callback):
        told.update(model=model, data=data, key=key_callback)
        return handle

    monkeypatch.setenv("DISPLAY", ":9")
    module = SimpleNamespace(launch_passive=launch)
    monkeypatch.setitem(sys.modules, "mujoco.viewer", module)
    monkeypatch.setattr(mujoco, "viewer", module, raising=False)
    player, warnings = Player(seeing, FLAT, PERCEPTIONS["clean"]), []
    window = viewer.Viewer(player.robot, warnings.append, "pressed")
    window.refresh(1.0)
    assert window.is_open and told["synced"] and told["key"] == "pressed" and not warnings
    assert told["model"] is player.robot.model and told["data"] is player.robot.data
    assert player.robot.model.body(handle.cam.trackbodyid).name == "base_link"


def test_without_a_display_there_is_a_warning_and_no_window(seeing, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    warnings = []
    window = viewer.Viewer(Player(seeing, FLAT, PERCEPTIONS["clean"]).robot, warnings.append)
    assert not window.is_open and "no display" in warnings[0]


def test_without_a_display_the_walk_becomes_a_film(seeing, monkeypatch, tmp_path, capsys):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.chdir(tmp_path)
    assert play.main([str(seeing.path), "--duration", "0.1"]) == 0
    with Image.open(tmp_path / "out/play/tiny_seeing_flat.gif") as film:
        assert film.size == (WIDTH, HEIGHT) and film.n_frames > 20
    assert "v_x" in capsys.readouterr().out


FFMPEG = """#!/bin/sh
for last; do :; done
cat > "$last"
"""


def install(folder: Path, script: str, monkeypatch) -> None:
    """A program that is called ffmpeg."""
    folder.mkdir()
    (folder / "ffmpeg").write_text(script)
    (folder / "ffmpeg").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_ffmpeg_gets_every_picture_of_the_walk(recording, monkeypatch, tmp_path):
    install(tmp_path / "bin", FFMPEG, monkeypatch)
    video.film(recording, tmp_path / "new" / "walk.mp4")
    size = (tmp_path / "new" / "walk.mp4").stat().st_size
    lasting = recording.time[-1] - recording.time[0]
    assert size == (int(lasting * video.FRAME_RATE) + 1) * WIDTH * HEIGHT * 3


def test_an_ffmpeg_that_fails_is_quoted(recording, monkeypatch, tmp_path):
    install(tmp_path / "bin", "#!/bin/sh\necho no codec >&2; exit 1\n", monkeypatch)
    with pytest.raises(ConfigurationError, match="no codec"):
        video.film(recording, tmp_path / "walk.mp4")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nobody"], "no model bundle 'nobody'"),
        (["--terrain", "moon"], "unknown terrain 'moon'; valid: flat"),
        (["--terrain", "course", "--height", "0.1"], "heights of its own"),
        (["--terrain", "stairs_up", "--height", "7"], "step height 7.0 m not in"),
        (["--command", "5", "0", "0"], r"tiny_seeing knows \[-0.5"),
        (["--command", "nan", "0", "0"], "tiny_seeing knows"),
        (["--duration", "-1"], "expected above 0"),
        (["--seed", "-1"], "--seed -1: expected at least 0"),
        (["--video", "walk.avi"], "ends in .gif or .mp4"),
        (["--video", "walk.mp4"], "needs ffmpeg"),
        (["--video", "/dev/null/walk.gif", "--duration", "0.1"], "cannot be written"),
    ],
)
def test_what_cannot_be_shown_is_said_in_a_sentence(words, told, seeing, monkeypatch, capsys):
    monkeypatch.setenv("PATH", "/nowhere")
    named = words if not words[0].startswith("-") else [str(seeing.path), *words]
    video_wanted = [] if "--video" in words else ["--video", "walk.gif"]
    assert play.main([*named, *video_wanted]) == 2

    assert re.search(told, capsys.readouterr().err)
