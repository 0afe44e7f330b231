#!/usr/bin/env python3
"""Turn the drawings in src/ into outlines in this folder.

Fyne's SVG reader does not scale the width of strokes with a picture, so a line
would be thin on a fine screen and fat in a small icon. Here each stroke becomes
a filled shape: every piece of a line a capsule, all turning the same way, so
that the nonzero rule makes them one. Strokes have round ends and joins.

Needs Debian's python3-fonttools (its path parser):   python3 outline.py
"""

import glob
import math
import os
import re
import xml.etree.ElementTree as tree

from fontTools.pens.basePen import BasePen
from fontTools.svgLib.path import parse_path

NAMESPACE = "{http://www.w3.org/2000/svg}"
tree.register_namespace("", "http://www.w3.org/2000/svg")


class Lines(BasePen):
    """Collects a path as polylines."""

    def __init__(self, step):
        super().__init__(None)
        self.step = step
        self.lines = []

    def _moveTo(self, p):
        self.lines.append([p])

    def _lineTo(self, p):
        self.lines[-1].append(p)

    def _curveToOne(self, b, c, d):
        a = self._getCurrentPoint()
        length = sum(math.dist(*pair) for pair in ((a, b), (b, c), (c, d)))
        n = max(4, int(length / self.step))
        for i in range(1, n + 1):
            t, u = i / n, 1 - i / n
            self.lines[-1].append(tuple(u**3 * p + 3 * u * u * t * q + 3 * u * t * t * r + t**3 * s for p, q, r, s in zip(a, b, c, d)))

    def _closePath(self):
        self.lines[-1].append(self.lines[-1][0])

    def _endPath(self):
        pass


def number(x):
    return f"{x:.2f}".rstrip("0").rstrip(".")


def capsule(p, q, r):
    """The outline of all that is within r of the piece from p to q."""
    length = math.dist(p, q)
    ux, uy = ((q[0] - p[0]) / length, (q[1] - p[1]) / length) if length else (1, 0)
    nx, ny = -uy * r, ux * r
    xy = lambda point, sign: f"{number(point[0] + sign * nx)} {number(point[1] + sign * ny)}"
    arc = f"A{number(r)} {number(r)} 0 0 0 "
    return f"M{xy(p, 1)}L{xy(q, 1)}{arc}{xy(q, -1)}L{xy(p, -1)}{arc}{xy(p, 1)}Z"


def circle(x, y, r, turn):
    return f"M{number(x - r)} {number(y)}A{number(r)} {number(r)} 0 1 {turn} {number(x + r)} {number(y)}A{number(r)} {number(r)} 0 1 {turn} {number(x - r)} {number(y)}Z"


def rounded(a):
    x, y, w, h, r = (float(a.get(k, 0)) for k in ("x", "y", "width", "height", "rx"))
    return (f"M{x + r} {y}H{x + w - r}A{r} {r} 0 0 1 {x + w} {y + r}V{y + h - r}A{r} {r} 0 0 1 {x + w - r} {y + h}"
            f"H{x + r}A{r} {r} 0 0 1 {x} {y + h - r}V{y + r}A{r} {r} 0 0 1 {x + r} {y}Z")


def outline(element):
    """An element's stroke as the data of a filled path."""
    a = element.attrib
    half = float(a["stroke-width"]) / 2
    if element.tag == NAMESPACE + "circle":
        x, y, r = (float(a[k]) for k in ("cx", "cy", "r"))
        return circle(x, y, r + half, 0) + circle(x, y, r - half, 1)
    data = a["d"] if element.tag == NAMESPACE + "path" else rounded(a)
    pen = Lines(step=half * 0.9)
    parse_path(re.sub(r"([A-Za-z])", r" \1 ", data), pen)
    return "".join(capsule(p, q, half) for line in pen.lines for p, q in zip(line, line[1:]))


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    for source in sorted(glob.glob(os.path.join(here, "src", "*.svg"))):
        drawing = tree.parse(source)
        for element in list(drawing.getroot()):
            if element.tag == NAMESPACE + "rect" and "rx" in element.attrib and "stroke" not in element.attrib:
                fill, data = element.attrib["fill"], rounded(element.attrib)  # Fyne's reader needs ry too
                element.tag = NAMESPACE + "path"
                element.attrib.clear()
                element.attrib.update({"d": data, "fill": fill})
            if "stroke" not in element.attrib:
                continue
            data, colour = outline(element), element.attrib["stroke"]
            element.tag = NAMESPACE + "path"
            element.attrib.clear()
            element.attrib.update({"d": data, "fill": colour})
        drawing.write(os.path.join(here, os.path.basename(source)), encoding="unicode")


if __name__ == "__main__":
    main()
