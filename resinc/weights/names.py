"""Names of a PyTorch state dict without what wraps a network: those of the network alone."""

from collections.abc import Iterable

from resinc.errors import InputError

# Put in anywhere, by DataParallel, torch.compile, FSDP and activation checkpointing.
_WRAPPERS = {"module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}
# Attributes under which other classes hold the network; no layout has names that begin so.
_HOLDERS = {"model", "net", "network", "backbone", "encoder"}


def plain_names(names: Iterable[str], what: str) -> dict[str, str]:
    """Name in the file -> name in the network, in whatever order and number things are put before.

    "_orig_mod.module.model.conv1.weight" -> "conv1.weight"; "features.module.0.weight" ->
    "features.0.weight", as AlexNet has it, but "features.module.conv1.weight" -> "conv1.weight".

    Args:
      names: of all arrays.
      what: holds them, for the message.

    Raises:
      InputError: two names become one.
    """
    plain = {name: _plain(name) for name in names}
    first: dict[str, str] = {}
    for name, short in plain.items():
        if short in first:
            raise InputError(
                f"{what} holds both {first[short]!r} and {name!r}: each is {short!r} without what "
                "wraps the network, so that one would overwrite the other"
            )
        first[short] = name
    return plain


def _plain(name: str) -> str:
    parts = [part for part in name.split(".") if part not in _WRAPPERS]
    while len(parts) > 2 and (
        parts[0] in _HOLDERS or (parts[0] == "features" and not parts[1].isdigit())
    ):
        parts = parts[1:]
    return ".".join(parts) or name
