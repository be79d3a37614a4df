"""Weights of the learned trackers: the authors' checkpoints, our safetensors files, random ones for dry runs.

One named converter per origin; loading is strict, and every entry of file and network is accounted for.
"""

import collections
import collections.abc as cabc
import json
import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from evalkit import __version__
from evalkit.atomic import write_whole
from evalkit.errors import listed, unknown_name
from evalkit.provenance import RANDOM_WEIGHTS, hash_files
from evalkit.tracking.interface import TrackerOptions

from ..learned import LEARNED
from .checkpoint import SHOWN, WeightsError, read_checkpoint
from .definition import Definition, Shapes, definition, entry_shapes

METADATA = "evalkit."
ROW_SCALE = ".row_scale"
_LEAST_SCALE = 1e-7  # half precision's smallest steps
WRAPPED = "module."
SHIPPED = Path(__file__).resolve().parents[1] / "weights"


@dataclass(frozen=True, slots=True, eq=False)
class LoadedNetwork:
    """A network with its numbers, checked against it.

    Attributes:
        definition: What it is, with the settings that the file decided.
        network: In evaluation mode, on the processor.
        sha256: Of the file, or "random"; the run marks the latter in every output.
        facts: What the file says of its origin (epoch, network type), for a converted file's metadata.
    """

    definition: Definition
    network: nn.Module
    sha256: str
    facts: cabc.Mapping[str, str] = field(default_factory=dict)


def load_weights(made: Definition, options: TrackerOptions) -> LoadedNetwork:
    """Fill a tracker's network with what the user passed, or with the weights that evalkit brings for it.

    Args:
        made: The tracker.
        options: Of these, ``weights`` and ``seed``.

    Raises:
        WeightsError: Nothing was passed, the file cannot be read safely, or it belongs to another network.
    """
    if options.weights is None and LEARNED[made.name].shipped:
        return read_weights(made, SHIPPED / f"{made.name}.safetensors")
    if options.weights is None:
        raise WeightsError(
            f"tracker {made.name} needs weights: {LEARNED[made.name].weights}. Pass the file with --weights FILE, or "
            "--weights random for a dry run (its boxes mean nothing, and every output says so)."
        )
    if options.weights != RANDOM_WEIGHTS:
        return read_weights(made, Path(options.weights))
    network = made.skeleton()
    return LoadedNetwork(made, assign(network, random_state(network, options.seed)), RANDOM_WEIGHTS)


def read_weights(made: Definition, path: Path, *, entry: str | None = None) -> LoadedNetwork:
    """Read a file, convert it by its origin, and match it with the tracker's network.

    Args:
        made: The tracker.
        path: The file.
        entry: Which of the file's networks, where it holds several; None = the usual one, if it is the only one.

    Raises:
        WeightsError: See :func:`load_weights`.
    """
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise WeightsError(f"{path}: {what}. Weights of {made.name}: {LEARNED[made.name].weights}.")
    if path.suffix == ".safetensors":
        if entry is not None:
            raise WeightsError(f"{path}: a safetensors file holds one network; leave --entry out.")
        state, facts = _read_safetensors(path)
    else:
        state, facts = ORIGINS[made.origin](_chosen(read_checkpoint(path), entry, made.origin, path), path)
    shapes = entry_shapes(state)
    made = made.sized(shapes)
    network = made.skeleton()
    network_type = facts.get("net_type")
    check_entries(made.name, path, shapes, network, network_type=network_type)
    _check_network_type(made.origin, path, network_type, shapes)
    return LoadedNetwork(made, assign(network, _as_network(state, network, path)), hash_files([path]), facts)


def assign(network: nn.Module, state: cabc.Mapping[str, Tensor]) -> nn.Module:
    """Give a skeleton its numbers; the tensors are shared, not copied."""
    network.load_state_dict(dict(state), strict=True, assign=True)
    return network.eval()


def check_entries(
    tracker: str, path: Path, shapes: Shapes, model: nn.Module, *, network_type: str | None = None
) -> None:
    """Compare names and shapes of a file with those of a network; ``network_type`` is what the file calls its own.

    Raises:
        WeightsError: They differ. The text lists the first differences and the trackers that the file fits.
    """
    expected = entry_shapes(model.state_dict())
    differences = [
        _listing("missing", [name for name in expected if name not in shapes]),
        _listing("unexpected", [name for name in shapes if name not in expected]),
        _listing(
            "of another shape",
            [
                f"{name} {list(shapes[name])}, expected {list(expected[name])}"
                for name in expected
                if name in shapes and shapes[name] != expected[name]
            ],
        ),
    ]
    if not any(differences):
        return
    said = f" The file calls its network {network_type!r}." if network_type else ""
    raise WeightsError(
        f"{path}: not the weights of {tracker} ({len(shapes)} entries, expected {len(expected)}). "
        f"{' '.join(text for text in differences if text)}{said} {_fits_text(shapes)} "
        f"{tracker} takes {LEARNED[tracker].weights}."
    )


def _check_network_type(origin: str, path: Path, network_type: str | None, shapes: Shapes) -> None:
    """Refuse entries that fit but are of another program's network; names of wrappers do not count.

    Raises:
        WeightsError: The file names a network of another origin.
    """
    known = NETWORK_TYPES.get(origin, ())
    others = {name for names in NETWORK_TYPES.values() for name in names} - set(known)
    if known and network_type in others:
        raise WeightsError(
            f"{path}: a checkpoint of network {network_type!r}, expected {' or '.join(known)}. {_fits_text(shapes)}"
        )


def fitting_trackers(shapes: Shapes) -> list[str]:
    """Names of the catalog's trackers whose network has exactly these entries."""
    return [name for name in LEARNED if definition(name).fits(shapes)]


def random_state(model: nn.Module, seed: int) -> dict[str, Tensor]:
    """Numbers (of the shapes of ``model``) for a dry run: neutral norms, kept variance, boxes near a quarter."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for name, entry in model.state_dict().items():
        last = name.rsplit(".", 1)[-1]
        if not entry.is_floating_point():
            state[name] = entry if entry.device.type != "meta" else torch.zeros(entry.shape, dtype=entry.dtype)
        elif last == "running_var" or (last == "weight" and entry.ndim == 1):
            state[name] = torch.ones(entry.shape)
        elif last in ("bias", "running_mean"):
            state[name] = _DRY_RUN_BIAS.get(name, torch.zeros(1)).expand(entry.shape).clone()
        else:
            spread = 1 / math.sqrt(math.prod(entry.shape[1:])) if last == "weight" else 0.02
            state[name] = torch.randn(entry.shape, generator=generator) * spread
    return state


_DRY_RUN_BIAS = {
    "box_head.conv5_size.bias": torch.tensor([-1.1]),
    "head.reg_mlp.layers.2.bias": torch.tensor([0.0, 0.0, -1.1, -1.1]),
}


def convert(tracker: str, source: Path, destination: Path, entry: str | None = None) -> dict[str, str]:
    """Rewrite the authors' checkpoint as safetensors.

    Args:
        tracker: Name in the catalog; decides origin and network.
        source: The authors' file.
        destination: New file, ``*.safetensors``.
        entry: Which of the source's networks, where it holds several.

    Returns:
        The new file's metadata: tracker, origin, name and hash of the source, what the source says of itself.

    Raises:
        WeightsError: The source does not fit, or the destination exists or has another suffix.
        StoreError: The destination cannot be written.
    """
    if tracker not in LEARNED:
        raise unknown_name("learned tracker", tracker, LEARNED)
    if destination.suffix != ".safetensors":
        raise WeightsError(f"{destination}: the new file's name must end in .safetensors.")
    if destination.exists():
        raise WeightsError(f"{destination}: exists already; choose another name or remove it.")
    loaded = read_weights(definition(tracker), source, entry=entry)
    metadata = {
        "format": "pt",
        f"{METADATA}tracker": tracker,
        f"{METADATA}origin": loaded.definition.origin,
        f"{METADATA}source_name": source.name,
        f"{METADATA}source_sha256": loaded.sha256,
        f"{METADATA}version": __version__,
    } | {f"{METADATA}{key}": value for key, value in loaded.facts.items()}
    write_whole(destination, weight_file(loaded.network.state_dict(), metadata))
    return metadata


def weight_file(entries: cabc.Mapping[str, Tensor], metadata: cabc.Mapping[str, str]) -> bytes:
    """A safetensors file, the same bytes for the same content, so that runs with it have one identity.

    The library writes metadata in an order that differs from process to process.
    """
    data = save({name: tensor.detach().cpu().contiguous() for name, tensor in entries.items()}, dict(metadata))
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    header["__metadata__"] = dict(sorted(metadata.items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return b"".join((len(text).to_bytes(8, "little"), text, memoryview(data)[end:]))


Converted = tuple[dict[str, Tensor], dict[str, str]]


def from_ostrack(content: cabc.Mapping[str, Any], path: Path) -> Converted:
    """OSTrack's training container: the network is entry ``net``; a file reduced to it, or to its entries, will do."""
    return _from_container(content, path, "net")


def from_srtrack(content: cabc.Mapping[str, Any], path: Path) -> Converted:
    """SRTrack's container, that of OSTrack with its own network types."""
    state, facts = _from_container(content, path, "net")
    if any(name.rsplit(".", 1)[-1] in ("lora_A", "lora_B") for name in state):
        raise WeightsError(
            f"{path}: holds low-rank updates (lora_A, lora_B). Whether they are already folded into the weights cannot "
            "be told from the file, so it is refused; fold them with the program that trained it."
        )
    return state, facts


def from_vipt(content: cabc.Mapping[str, Any], path: Path) -> Converted:
    """ViPT's container, that of OSTrack with its own network type."""
    return _from_container(content, path, "net")


def from_swintrack(content: cabc.Mapping[str, Any], path: Path) -> Converted:
    """SwinTrack's file: ``version`` 2 and the network as entry ``model``."""
    version = content.get("version", 2)
    if version != 2:
        said = repr(version) if isinstance(version, int | str) else type(version).__name__
        raise WeightsError(f"{path}: SwinTrack checkpoint of version {said[:SHOWN]}, expected 2.")
    state, facts = _from_container(content, path, "model")
    if any("motion" in name for name in state):
        raise WeightsError(
            f"{path}: the weights of SwinTrack's NeurIPS 2022 version (with a motion token), another network. "
            f"{_listing('unexpected', [name for name in state if 'motion' in name])} Take those of the preprint."
        )
    return state, facts


ORIGINS: dict[str, cabc.Callable[[cabc.Mapping[str, Any], Path], Converted]] = {
    "ostrack": from_ostrack,
    "swintrack": from_swintrack,
    "srtrack": from_srtrack,
    "vipt": from_vipt,
}
"""Name of an origin -> its converter from file content to (entries of our network, facts)."""


NETWORKS: cabc.Mapping[str, str] = {"swintrack": "model"}
"""Origin -> the entry of a checkpoint with the network, where it is not ``net``."""
NETWORK_TYPES: cabc.Mapping[str, tuple[str, ...]] = {
    "ostrack": ("OSTrack",),
    "srtrack": ("SIAMTrack", "SIAMTrack_DropMAE"),
    "vipt": ("ViPTrack",),
}
"""Origin -> what its program calls its networks in a checkpoint."""
_AVERAGED = re.compile(r"(?i:(?<![a-z])(ema|swa|averaged?)(?![a-z]))|(?<=[a-z])E(ma|MA)(?![a-z])")


def _chosen(content: dict[str, Any], entry: str | None, origin: str, path: Path) -> dict[str, Any]:
    """The checkpoint with the network that was asked for in the usual place.

    Raises:
        WeightsError: There is no such entry, or none was asked for and other weights of the same network, or averaged
            ones, lie beside the usual ones.
    """
    usual = NETWORKS.get(origin, "net")
    networks = _networks(content)
    if entry is None:
        own = networks.get(usual, {}).keys()
        rivals = [
            name
            for name, state in networks.items()
            if name != usual and (_AVERAGED.search(name) or state.keys() == own)
        ]
        if rivals:
            there = [name for name in networks if name == usual or name in rivals]
            raise WeightsError(
                f"{path}: holds several networks: {_names(there)}. Weights averaged over the training (EMA) and "
                "the last ones give different numbers, and the file does not say which are meant. Choose with `evalkit "
                f"convert-weights {path.name} NEW.safetensors --entry {there[0][:SHOWN]}`, and pass the new file."
            )
        return content
    if entry not in networks:
        raise WeightsError(f"{path}: no network under {entry!r}; found: {_names(networks) or 'none'}.")
    return {**content, usual: networks[entry], "entry": entry}


def _networks(content: cabc.Mapping[str, Any]) -> dict[str, cabc.Mapping[str, Tensor]]:
    """Dictionaries of tensors in a checkpoint, and in its dictionaries as ``outer.inner``."""
    networks: dict[str, cabc.Mapping[str, Tensor]] = {}
    for name, value in content.items():
        if not isinstance(value, cabc.Mapping):
            continue
        inside = {f"{name}.{inner}": state for inner, state in value.items() if _has_tensors(state)}
        networks |= {str(name): value} if _has_tensors(value) else inside
    return networks


def _has_tensors(value: object) -> bool:
    return isinstance(value, cabc.Mapping) and any(isinstance(entry, Tensor) for entry in value.values())


def _names(names: cabc.Iterable[str]) -> str:
    return listed(name[:SHOWN] for name in names)


def _from_container(content: cabc.Mapping[str, Any], path: Path, entry: str) -> Converted:
    state = content.get(entry, content)
    if not isinstance(state, cabc.Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise WeightsError(
            f"{path}: no network in it. Expected a dictionary of tensors under {entry!r}, found the entries "
            f"{_names(map(repr, content))}."
        )
    said = {key: content.get(key) for key in ("epoch", "net_type", "entry")}
    facts = {key: f"{value}"[:SHOWN] for key, value in said.items() if isinstance(value, int | str)}
    entries = {str(name): tensor for name, tensor in state.items()}
    while entries and all(name.startswith(WRAPPED) for name in entries):  # by training on several devices
        entries = {name.removeprefix(WRAPPED): tensor for name, tensor in entries.items()}
    return entries, facts


def _fits_text(shapes: Shapes) -> str:
    fitting = fitting_trackers(shapes)
    return f"The file fits: {', '.join(fitting)}." if fitting else "It fits no tracker of the catalog."


def _read_safetensors(path: Path) -> Converted:
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            metadata = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        state = unpacked(state)
    except (SafetensorError, OSError) as problem:
        raise WeightsError(f"{path}: damaged, or not a safetensors file ({problem}).") from problem
    return state, {key.removeprefix(METADATA): value for key, value in metadata.items() if key.startswith(METADATA)}


def packed(state: cabc.Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A quarter of the size: matrices as 8 bit integers with one scale per row, other numbers in half precision."""
    result = {}
    for name, tensor in state.items():
        if tensor.is_floating_point() and tensor.ndim > 1:
            rows = tensor.float().flatten(1)
            scale = (rows.abs().amax(dim=1) / 127).clamp(min=_LEAST_SCALE).half()
            result[name] = (tensor.float() / _column(scale, tensor)).round().clamp(-127, 127).to(torch.int8)
            result[name + ROW_SCALE] = scale
        else:
            result[name] = tensor.half() if tensor.is_floating_point() else tensor
    return result


def unpacked(state: cabc.Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Undo :func:`packed`; other states pass through, and so do scales that fit no entry: strict loading names them."""
    scaled = {
        name: state[name + ROW_SCALE]
        for name, tensor in state.items()
        if tensor.dtype == torch.int8 and state.get(name + ROW_SCALE, tensor).shape == tensor.shape[:1]
    }
    return {
        name: tensor.float() * _column(scaled[name], tensor) if name in scaled else tensor
        for name, tensor in state.items()
        if name.removesuffix(ROW_SCALE) not in scaled or name in scaled
    }


def _column(scale: Tensor, tensor: Tensor) -> Tensor:
    return scale.float().view(-1, *(1,) * (tensor.ndim - 1))


def _as_network(state: cabc.Mapping[str, Tensor], model: nn.Module, path: Path) -> dict[str, Tensor]:
    """The file's tensors in the network's order and number types; integer tables must equal the network's own.

    Tensors that were views of one record get memory of their own: it is bounded by the network's size.
    """
    result = {}
    users = collections.Counter(tensor.untyped_storage().data_ptr() for tensor in state.values())
    for name, entry in model.state_dict().items():
        tensor = state[name]
        storage = tensor.untyped_storage()
        if users[storage.data_ptr()] > 1 or storage.nbytes() != tensor.nbytes or not tensor.is_contiguous():
            tensor = tensor.clone(memory_format=torch.contiguous_format)
        if tensor.is_floating_point() != entry.is_floating_point():
            raise WeightsError(f"{path}: {name} holds {tensor.dtype}, expected {entry.dtype}.")
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise WeightsError(f"{path}: {name} holds numbers that are not finite; the file is unusable.")
        if entry.device.type != "meta" and not torch.equal(tensor, entry):
            raise WeightsError(f"{path}: the index table {name} differs from the one of this network.")
        result[name] = tensor.to(entry.dtype)
    return result


def _listing(what: str, names: list[str]) -> str:
    if not names:
        return ""
    return f"{len(names)} {what}: {_names(names)}."
