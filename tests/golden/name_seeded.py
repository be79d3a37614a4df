"""Name-seeded model weights and inputs: deterministic numbers that depend only on a text key and a shape.

Needs numpy only.  Every step is 64-bit unsigned integer arithmetic followed by one float64
multiplication and a rounding to float32, so the values do not depend on the numpy version,
the platform or any random-number library.
"""

import zlib

import numpy as np

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX2 = np.uint64(0x94D049BB133111EB)
_LANE = np.uint64(0xFFFF)
# four uniform 16-bit lanes: mean 131070, standard deviation 65536 / sqrt(3) (to 1e-9)
_UNIT = 1.7320508075688772 / 65536.0


def _words(key, start, count):
    """count 64-bit words number start .. start+count-1 of the stream named key."""
    base = np.uint64(zlib.crc32(key.encode("utf-8")) << 32)
    with np.errstate(over="ignore"):
        z = (base + np.arange(start, start + count, dtype=np.uint64)) * _GOLDEN
        z = (z ^ (z >> np.uint64(30))) * _MIX1
        z = (z ^ (z >> np.uint64(27))) * _MIX2
        return z ^ (z >> np.uint64(31))


def unit_noise(key, shape):
    """float32 array of the given shape: approximately standard normal, |value| <= 3.4642."""
    count = int(np.prod(shape, dtype=np.int64)) if len(shape) else 1
    out = np.empty(count, dtype=np.float32)
    step = 1 << 22
    for start in range(0, count, step):
        z = _words(key, start, min(step, count - start))
        s = (z & _LANE) + ((z >> np.uint64(16)) & _LANE) + ((z >> np.uint64(32)) & _LANE) + (z >> np.uint64(48))
        out[start : start + len(s)] = ((s.astype(np.int64) - 131070) * _UNIT).astype(np.float32)
    return out.reshape(shape)


def unit_uniform(key, shape):
    """float64 array of the given shape, uniform in [0, 1): top 53 bits of each word."""
    count = int(np.prod(shape, dtype=np.int64)) if len(shape) else 1
    z = _words(key, 0, count)
    return ((z >> np.uint64(11)).astype(np.float64) * 2.0**-53).reshape(shape)


# (key suffix, constant added, factor on the noise); the first match wins over the general rule.
# A tuple holds one number per row (first dimension of the tensor).
OVERRIDES = (
    # OSTrack centre head: strong score contrast, boxes of about a quarter of the search side
    ("box_head.conv5_ctr.weight", 0.0, 0.75),
    ("box_head.conv5_ctr.bias", -1.0, 0.0),
    ("box_head.conv5_size.weight", 0.0, 0.05),
    ("box_head.conv5_size.bias", -1.1, 0.02),
    ("box_head.conv5_offset.weight", 0.0, 0.20),
    ("box_head.conv5_offset.bias", 0.5, 0.02),
    # SwinTrack MLP head
    ("head.cls_mlp.layers.2.weight", 0.0, 0.30),
    ("head.cls_mlp.layers.2.bias", 0.5, 0.0),
    ("head.reg_mlp.layers.2.weight", 0.0, (0.03, 0.03, 0.02, 0.02)),
    ("head.reg_mlp.layers.2.bias", (-0.33, 0.22, -1.25, -1.25), 0.02),
)


def tensor(key, shape):
    """float32 values for the floating-point state_dict entry named key."""
    n = unit_noise(key, shape)
    for suffix, constant, factor in OVERRIDES:
        if key == suffix or key.endswith("." + suffix):
            c, f = (np.asarray(v, dtype=np.float64).reshape((-1,) + (1,) * (n.ndim - 1)) for v in (constant, factor))
            return (c + f * n.astype(np.float64)).astype(np.float32)
    last = key.rsplit(".", 1)[-1]
    x = n.astype(np.float64)
    if last == "running_var":
        x = 1.0 + 0.1 * np.abs(x)
    elif last == "running_mean" or last == "bias":
        x = 0.05 * x
    elif last == "weight" and len(shape) == 1:
        x = 1.0 + 0.1 * x
    elif last == "weight":
        fan_in = int(np.prod(shape[1:], dtype=np.int64))
        gain = 1.4 if len(shape) == 4 else 1.0
        x = gain / np.sqrt(fan_in) * x
    else:  # position embeddings, class tokens, bias tables, prompts
        x = 0.5 * x
    return x.astype(np.float32)


def state_dict(template):
    """{key: array} for a mapping key -> object with .shape and .dtype; integer entries are left out."""
    out = {}
    for key in sorted(template):
        entry = template[key]
        if "float" in str(entry.dtype):
            out[key] = tensor(key, tuple(int(d) for d in entry.shape))
    return out


def image_batch(name, batch, size):
    """Already normalised network input (batch, 3, size, size), float32: 16-pixel blocks plus fine noise."""
    out = np.empty((batch, 3, size, size), dtype=np.float32)
    for b in range(batch):
        coarse = unit_noise(f"input/{name}/{b}/coarse", (3, size // 16, size // 16))
        fine = unit_noise(f"input/{name}/{b}/fine", (3, size, size))
        out[b] = np.repeat(np.repeat(coarse, 16, axis=1), 16, axis=2) + np.float32(0.5) * fine
    return out


VIDEO_SIZE = (320, 240)  # width, height


def _blocks(key, height, width, step, levels):
    """(height, width, 3) int64 noise constant on step x step blocks, values 0..levels-1."""
    rows, cols = -(-height // step), -(-width // step)
    z = _words(key, 0, rows * cols * 3) >> np.uint64(40)
    grid = (z.astype(np.int64) * levels >> 24).reshape(rows, cols, 3)
    return np.repeat(np.repeat(grid, step, axis=0), step, axis=1)[:height, :width]


def video_box(t):
    """Ground-truth box (x, y, w, h) of the moving rectangle in frame t (0, 1, 2, ...), integers."""
    w = 48 + (t * 3) // 4
    h = 36 + t // 2
    cx = 110 + 5 * t
    cy = 120 + (t * (23 - t)) // 6
    return cx - w // 2, cy - h // 2, w, h


def video_frame(t):
    """RGB uint8 frame t, 240 x 320 x 3: fixed blocky background, textured rectangle at video_box(t)."""
    width, height = VIDEO_SIZE
    y, x = np.mgrid[0:height, 0:width]
    image = (
        _blocks("video/background/16", height, width, 16, 100)
        + _blocks("video/background/4", height, width, 4, 60)
        + _blocks("video/background/1", height, width, 1, 20)
    )
    image = image + np.stack([x * 40 // width, y * 40 // height, (x + y) * 40 // (width + height)], axis=2)
    bx, by, bw, bh = video_box(t)
    texture = 90 + _blocks("video/target/8", 64, 96, 8, 110) + _blocks("video/target/2", 64, 96, 2, 56)
    # nearest-neighbour stretch of a 64 x 96 texture onto the box, integer arithmetic only
    rows = np.arange(bh) * 64 // bh
    cols = np.arange(bw) * 96 // bw
    patch = texture[rows][:, cols]
    y0, y1, x0, x1 = max(by, 0), min(by + bh, height), max(bx, 0), min(bx + bw, width)
    if y0 < y1 and x0 < x1:
        image[y0:y1, x0:x1] = patch[y0 - by : y1 - by, x0 - bx : x1 - bx]
    return image.astype(np.uint8)
