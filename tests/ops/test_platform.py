import jax
import jax.numpy as jnp
import pytest

from resinc.ops import platform
from resinc.ops.platform import as_defined, by_platform


def sine_or_cosine(x):
    return by_platform(x, cpu=jnp.sin, default=jnp.cos)


def test_with_cpus_alone_only_their_form_is_traced():
    assert [e.primitive.name for e in jax.make_jaxpr(sine_or_cosine)(1.0).eqns] == ["sin"]


def test_form_for_counting_is_not_taken_for_computing_afterwards():
    compiled = jax.jit(sine_or_cosine)
    with as_defined():
        assert float(compiled(0.0)) == 1.0
    assert float(compiled(0.0)) == 0.0


@pytest.mark.parametrize("kinds", [{"cpu", "cuda"}, {"cuda"}])
def test_beside_another_platform_both_forms_are_kept(kinds, monkeypatch):
    monkeypatch.setattr(platform, "backends", lambda: dict.fromkeys(kinds))
    platform._has_only_cpus.cache_clear()
    try:
        # New functions: JAX keeps what it traced of a known one.
        traced = jax.make_jaxpr(lambda x: sine_or_cosine(x))(1.0)
        value = float(jax.jit(lambda x: sine_or_cosine(x))(0.0))
    finally:
        platform._has_only_cpus.cache_clear()
    assert "sin" in str(traced)
    assert "cos" in str(traced)
    assert value == 0.0  # It is computed on a CPU.
