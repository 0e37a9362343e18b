"""Each window is changed by draws of its own, and by what the settings say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from components.teacher_trainer import views
from components.teacher_trainer.settings import Band, Equaliser, Reverberation, Views
from schemas.students import FrontEndSpec

FRONT_END = FrontEndSpec()
SEED = tf.constant([3, 4])
OFF: dict[str, dict[str, float]] = {
    name: {"probability": 0.0} for name in ("reverberation", "noise", "equaliser", "band", "gain")
}


def only(**operation: dict[str, Any]) -> Views:
    return Views.model_validate({**OFF, **operation})


def sound(windows: int) -> tf.Tensor:
    """The same window so many times: what differs afterwards was drawn."""
    power = np.random.default_rng(1).gamma(1.0, 1.0, (1, FRONT_END.frames, FRONT_END.mels))
    return tf.constant(np.repeat(np.log(np.sqrt(power) + FRONT_END.log_offset), windows, 0), tf.float32)


@pytest.mark.parametrize(
    "operation",
    [
        {"reverberation": {"probability": 1.0}},
        {"noise": {"probability": 1.0}},
        {"equaliser": {"probability": 1.0}},
        {"band": {"probability": 1.0}},
        {"gain": {"probability": 1.0}},
    ],
    ids=lambda operation: next(iter(operation)),
)
def test_views_of_the_same_window_are_drawn_independently(operation: dict[str, Any]) -> None:
    """Copies are changed otherwise, and the change of one tells nothing of the next one's."""
    given = sound(32)
    changed = views.change_views(given, only(**operation), FRONT_END, SEED).numpy()
    change = (changed - given.numpy()).reshape(32, -1)
    # The edges of a band fall between mel bands, so a few of them coincide.
    assert len(np.unique(change.round(4), axis=0)) >= 28
    level = change.mean(axis=1)
    assert abs(np.corrcoef(level[::2], level[1::2])[0, 1]) < 0.6
    again = views.change_views(given, only(**operation), FRONT_END, SEED).numpy()
    np.testing.assert_array_equal(changed, again)
    other = views.change_views(given, only(**operation), FRONT_END, tf.constant([3, 5])).numpy()
    assert (other != changed).any()


def test_what_is_off_changes_nothing() -> None:
    given = sound(4)
    changed = views.change_views(given, only(), FRONT_END, SEED).numpy()
    np.testing.assert_allclose(changed, given.numpy(), atol=1e-4)


def test_gain_is_of_the_power() -> None:
    power = tf.ones((200, 3, 4))
    log_mel = tf.math.log(tf.sqrt(power) + FRONT_END.log_offset)
    front_end = FRONT_END.model_copy(update={"mels": 4, "frames": 3})
    changed = views.change_views(
        log_mel, only(gain={"probability": 1.0, "db": (-6.0, -6.0)}), front_end, SEED
    )
    # 6 dB less is 10^(-0.3) of the magnitude.
    np.testing.assert_allclose(np.exp(changed.numpy()) - FRONT_END.log_offset, 10**-0.3, rtol=1e-4)


def test_a_room_adds_a_decaying_tail_of_the_drawn_level() -> None:
    """A click: then the tail falls by 60 dB in rt60_s, and holds as much as the direct sound at 0 dB."""
    power = np.zeros((1, 96, 2), np.float32)
    power[:, 10] = 1.0
    room = Reverberation(probability=1.0, rt60_s=(0.2, 0.2), direct_db=(0.0, 0.0))
    wet = views.reverberate(tf.constant(power), room, 0.01, SEED).numpy()[0, :, 0]
    assert wet.sum() == pytest.approx(1.0, rel=1e-5), "the level stays"
    assert not wet[:10].any()
    assert wet[10] == pytest.approx(0.5, rel=1e-3) and wet[11:].sum() == pytest.approx(0.5, rel=1e-3)
    # 60 dB in 20 frames: 3 dB a frame.
    np.testing.assert_allclose(wet[12:30] / wet[11:29], 10**-0.3, rtol=1e-3)


def test_an_equaliser_is_smooth_and_as_strong_as_asked() -> None:
    power = tf.ones((3000, 2, 64))
    gains = views.equalise(power, Equaliser(probability=1.0, deviation_db=5.0, curves=6), SEED).numpy()
    decibels = 10 * np.log10(gains)
    np.testing.assert_array_equal(decibels[:, 0], decibels[:, 1])
    assert np.sqrt(np.mean(decibels**2)) == pytest.approx(5.0, rel=0.05)
    assert np.abs(np.diff(decibels[:, 0], axis=1)).mean() < 1.5, "neighbouring bands are much alike"


def test_a_line_takes_what_lies_outside_its_band() -> None:
    centres = views.mel_centres(FRONT_END)
    assert FRONT_END.lower_hz < centres[0] and centres[-1] < FRONT_END.upper_hz
    assert (np.diff(centres) > 0).all() and len(centres) == FRONT_END.mels
    band = Band(probability=1.0, lower_hz=(300.0, 300.0), upper_hz=(3400.0, 3400.0))
    power = views.limit_band(tf.ones((2, 3, FRONT_END.mels)), band, centres, SEED).numpy()
    inside = (centres >= 300) & (centres <= 3400)
    np.testing.assert_allclose(power[..., inside], 1.0)
    np.testing.assert_allclose(power[..., ~inside], 1e-4, rtol=1e-4)
    assert 0 < inside.sum() < len(inside)


def test_a_share_of_the_windows_is_changed() -> None:
    given = sound(400)
    changed = views.change_views(given, only(noise={"probability": 0.25}), FRONT_END, SEED).numpy()
    touched = np.abs(changed - given.numpy()).reshape(400, -1).max(axis=1) > 1e-3
    # 400 draws at 0.25: a standard deviation of 0.0217.
    assert touched.mean() == pytest.approx(0.25, abs=0.08)
