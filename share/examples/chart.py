# chart.py - draw an image in the kernel: how the logistic map x → r·x·(1 − x) goes from order to chaos as r grows.
# Python's standard library alone makes the PNG; `exec-run --save DIR chart.py` puts it into a file.
import struct
import zlib

from IPython.display import Image, display

WIDTH, HEIGHT = 900, 560
R_MIN, R_MAX = 2.8, 4.0
SETTLE, POINTS = 200, 400       # steps until the orbit has settled, and steps that are drawn


def png(rows):
    """RGB rows (bytes of three a pixel) as a PNG file: RFC 2083."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", len(rows[0]) // 3, len(rows), 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + bytes(row) for row in rows), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def orbit_counts(r):
    """How often the settled orbit visits each pixel of a column, top first."""
    counts = [0] * HEIGHT
    x = 0.5
    for step in range(SETTLE + POINTS):
        x = r * x * (1 - x)
        if step >= SETTLE:
            counts[min(HEIGHT - 1, int((1 - x) * HEIGHT))] += 1
    return counts


def colour(count):
    """From the dark background over violet and orange to white, by the logarithm of the count."""
    t = min(1.0, count.bit_length() / 7)
    stops = [(14, 17, 38), (94, 53, 177), (255, 138, 101), (255, 255, 255)]
    at = t * (len(stops) - 1)
    i = min(int(at), len(stops) - 2)
    return bytes(round(a + (b - a) * (at - i)) for a, b in zip(stops[i], stops[i + 1]))


palette = [colour(n) for n in range(POINTS + 1)]
rows = [bytearray() for _ in range(HEIGHT)]
for column in range(WIDTH):
    for row, count in zip(rows, orbit_counts(R_MIN + (R_MAX - R_MIN) * column / (WIDTH - 1))):
        row += palette[count]

image = png(rows)
print(f"{WIDTH}×{HEIGHT} pixels, {len(image)} bytes")
display(Image(data=image))
