"""The demonstration's driver, against a robot that does what it is told."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from ts_locomotion import rotation
from ts_locomotion.demo import course, main
from ts_locomotion.demo.course import Driver, Outcome, Sight, Steering
from ts_locomotion.modes import Mode
from ts_locomotion.simulation.courses import COURSES
from ts_locomotion.simulation.terrain import course as make_course


@dataclass
class Puppet:
    """Moves as commanded, at once; changes its mode `delay` seconds after it is asked."""

    delay: float = 0.5
    deaf_to: set[Mode] = field(default_factory=set)
    time: float = 0.0
    position: np.ndarray = field(default_factory=lambda: np.array([0.0, 0.0, 0.3]))
    heading: float = 0.0
    mode: Mode = Mode.DAMP
    wanted: tuple[float, Mode] = (0.0, Mode.DAMP)
    fault: bool = False

    @property
    def orientation(self) -> np.ndarray:
        return np.array([np.cos(self.heading / 2), 0, 0, np.sin(self.heading / 2)])

    def sight(self) -> Sight:
        settled = self.time - self.wanted[0] >= 2 * self.delay
        return Sight(self.time, self.position, self.orientation, self.mode, settled, self.fault)

    def obey(self, order: course.Order) -> None:
        if order.mode is not None and order.mode not in self.deaf_to:
            self.wanted = (self.time, order.mode)
        velocity = rotation.rotate(self.orientation, np.array([*order.command[:2], 0.0]))
        self.position = self.position + course.STEP * velocity
        self.heading += course.STEP * order.command[2]
        self.time += course.STEP
        if self.time - self.wanted[0] >= self.delay:
            self.mode = self.wanted[1]


def drive(driver: Driver, puppet: Puppet, limit: float = 200.0) -> list[course.Order]:
    orders = []
    while driver.outcome is Outcome.RUNNING and puppet.time < limit:
        orders.append(driver.decide(puppet.sight()))
        puppet.obey(orders[-1])
    return orders


def test_the_course_stands_up_walks_every_way_and_sits_down():
    driver = Driver(course.legs("course", 60.0))
    orders = drive(driver, Puppet())
    assert driver.outcome is Outcome.FINISHED
    names = [driver.course[order.leg].name for order in orders]
    assert list(dict.fromkeys(names)) == [
        "stand up",
        "forward",
        "left",
        "right",
        "turn left",
        "turn right",
        "cross course",
        "halt",
        "stand",
        "sit down",
    ]
    assert [order.mode for order in orders if order.mode is not None] == [
        Mode.STAND,
        Mode.WALK,
        Mode.STAND,
        Mode.SIT,
    ]


def test_no_velocity_is_asked_for_before_the_robot_walks():
    puppet = Puppet(delay=1.5)
    driver = Driver(course.legs("flat", 10.0))
    while driver.outcome is Outcome.RUNNING:
        walking = puppet.mode == Mode.WALK
        order = driver.decide(puppet.sight())
        assert walking or order.command == (0.0, 0.0, 0.0)
        puppet.obey(order)


@pytest.mark.parametrize("terrain", course.COURSE_ENDS)
def test_crossing_ends_where_the_course_ends(terrain: str):
    puppet = Puppet()
    drive(Driver(course.legs(terrain, 100.0)), puppet)
    end = course.COURSE_ENDS[terrain]
    assert end <= puppet.position[0] < end + 0.2


@pytest.mark.parametrize("terrain", COURSES)
@pytest.mark.parametrize("seed", range(20))
def test_a_course_ends_on_its_last_flat_stretch_with_room_to_stop(terrain: str, seed: int):
    ground = make_course(COURSES[terrain], seed)
    around = ground.height(np.arange(course.COURSE_ENDS[terrain] - 0.3, ground.bounds[1], 0.01), 0)
    assert np.ptp(around) == 0.0
    assert len(around) > 80


def test_every_course_can_be_walked_in_the_time_that_the_demonstration_gives_it():
    given = main.parse([]).duration
    for terrain in COURSES:
        puppet = Puppet()
        drive(Driver(course.legs(terrain, 0.75 * given)), puppet)
        assert puppet.position[0] >= course.COURSE_ENDS[terrain]


@pytest.mark.parametrize("duration", [0.0, 1.0, 7.0, 25.0])
def test_the_duration_bounds_the_walking(duration: float):
    legs = course.legs("flat", duration)
    walked = sum(leg.duration for leg in legs if leg.mode == Mode.WALK)
    assert walked == pytest.approx(duration)
    assert [legs[0].mode, legs[-1].mode] == [Mode.STAND, Mode.SIT]


def test_steering_leads_back_to_the_middle_of_the_lane():
    puppet = Puppet(mode=Mode.WALK, wanted=(0.0, Mode.WALK))
    puppet.position[1], puppet.heading = 0.5, 0.6
    leg = course.Leg("cross", Mode.WALK, (0.5, 0.0, 0.0), 15.0, steered=True)
    drive(Driver([leg]), puppet)
    assert abs(puppet.position[1]) < 0.02
    assert abs(puppet.heading) < 0.05


def test_steering_stays_within_its_bounds():
    steering = Steering()
    puppet = Puppet(heading=-3.0)
    puppet.position[1] = 5.0
    _, sideways, turn = course.steer((0.5, 0.0, 0.0), puppet.sight(), steering)
    assert abs(sideways) == steering.sideways_limit
    assert abs(turn) == steering.turn_limit


def test_a_refused_mode_is_asked_for_again_and_given_up_in_time():
    puppet = Puppet(deaf_to={Mode.STAND})
    driver = Driver(course.legs("flat", 10.0))
    orders = drive(driver, puppet)
    assert driver.outcome is Outcome.STUCK
    assert puppet.time == pytest.approx(course.MODE_TIMEOUT, abs=0.5)
    asked = [order.mode for order in orders if order.mode is not None]
    assert len(asked) == pytest.approx(course.MODE_TIMEOUT / course.ASK_AGAIN, abs=2)


def test_a_fault_ends_the_course_with_a_halt():
    puppet = Puppet()
    driver = Driver(course.legs("flat", 10.0))
    for _ in range(60):
        puppet.obey(driver.decide(puppet.sight()))
    puppet.fault = True
    order = driver.decide(puppet.sight())
    assert driver.outcome is Outcome.FAULT
    assert order == (None, (0.0, 0.0, 0.0), order.leg)


def test_a_robot_on_its_side_has_fallen():
    driver = Driver(course.legs("flat", 10.0))
    sight = Puppet().sight()._replace(orientation=np.array([0.7071, 0.7071, 0.0, 0.0]))
    driver.decide(sight)
    assert driver.outcome is Outcome.FELL
