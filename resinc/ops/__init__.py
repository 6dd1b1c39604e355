"""Stateless primitives that know no architecture."""
