"""All forms of a weight gradient are the same gradient, or their times compare nothing."""

import pytest

from experiments.benchmarks.gpu_weight_gradients import RESNET_20, Convolution, forms, measured


@pytest.mark.parametrize("stride", [1, 2])
def test_every_form_agrees_with_the_sum_in_float64(stride):
    found = measured(Convolution(8, 3, 4, stride), batch=2, calls=1)
    assert found.keys() == forms(RESNET_20[0]).keys()
    assert all(deviation < 1e-5 for _, deviation in found.values())
