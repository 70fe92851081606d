"""What tensors must look like, and the two layouts of hidden states that are understood."""

from torch import Tensor

from ts_locomotion.errors import ConfigurationError, InvalidInput

LAYOUTS = ("batch_first", "layers_first")


def check(name: str, tensor: Tensor, *sizes: int) -> None:
    """Refuse a tensor whose last axes are not of these sizes, or that has no axis before them."""
    if tensor.ndim <= len(sizes) or tensor.shape[-len(sizes) :] != sizes:
        expected = ", ".join(map(str, sizes))
        raise InvalidInput(
            f"{name}: shape {tuple(tensor.shape)} given, (batch, {expected}) wanted"
        )


def batch_first(hiddens: Tensor, batch: int, layers: int, size: int, layout: str | None) -> Tensor:
    """Hidden states as (batch, layers, size), from that or from (layers, batch, size).

    Without a layout the shape tells which of both was given; where it cannot, because there are as
    many rows as layers, they are what the student returns: batch first. Other shapes are refused.
    """
    if layout not in (None, *LAYOUTS):
        raise ConfigurationError(f"hiddens_layout: {layout!r} given, valid: {LAYOUTS} or None")
    fits = {
        "batch_first": hiddens.shape == (batch, layers, size),
        "layers_first": hiddens.shape == (layers, batch, size),
    }
    found = [name for name, fit in fits.items() if fit and layout in (None, name)]
    if not found:
        raise InvalidInput(
            f"hiddens: shape {tuple(hiddens.shape)} given, (batch, layers, size) = "
            f"{(batch, layers, size)} or (layers, batch, size) = {(layers, batch, size)} wanted"
            + (f", and {layout} demanded" if layout else "")
        )
    return hiddens if "batch_first" in found else hiddens.transpose(0, 1)
