#!/usr/bin/env python3
"""Build CountersignSans-Regular.ttf and CountersignSans-Bold.ttf.

One family for all languages of the app: Inter for Latin, Greek and Cyrillic,
Noto Sans Thai for Thai. One file a weight, because a line that mixes two files
gets the height of both, and rows of a list would jump with their contents.
Digits are Inter's tabular ones, because codes must not dance when they change.

Needs Debian's python3-fonttools; inputs from Debian's fonts-inter-variable and
fonts-noto-core:

    python3 merge.py /usr/share/fonts/truetype/inter-vf/Inter-roman.var.ttf \
        /usr/share/fonts/truetype/noto
"""

import os
import sys
import tempfile

from fontTools import subset
from fontTools.merge import Merger
from fontTools.ttLib import TTFont
from fontTools.ttLib.scaleUpem import scale_upem
from fontTools.varLib import instancer

# What an account's name or an interface text may hold.
LATIN = (
    list(range(0x20, 0x250)) + list(range(0x370, 0x530)) + list(range(0x1E00, 0x1F00))
    + list(range(0x2000, 0x2070)) + list(range(0x20A0, 0x20C0)) + list(range(0x2190, 0x2200))
    + [0x2212, 0x2260, 0x2713, 0x25CF, 0xFFFD]
)


def save(font, path):
    font.save(path)
    return path


def inter(path, weight, out):
    """Inter at one weight, with tabular digits in the digits' places."""
    font = TTFont(path)
    axes = {"wght": weight}
    for axis in font["fvar"].axes:
        axes.setdefault(axis.axisTag, axis.defaultValue)
    font = instancer.instantiateVariableFont(font, axes)
    tabular = {}
    gsub = font["GSUB"].table
    for record in gsub.FeatureList.FeatureRecord:
        if record.FeatureTag != "tnum":
            continue
        for index in record.Feature.LookupListIndex:
            for table in gsub.LookupList.Lookup[index].SubTable:
                tabular.update(getattr(table, "ExtSubTable", table).mapping)
    for table in font["cmap"].tables:
        for code in range(ord("0"), ord("9") + 1):
            if table.isUnicode() and table.cmap.get(code) in tabular:
                table.cmap[code] = tabular[table.cmap[code]]
    options = subset.Options(layout_features=["kern", "mark", "mkmk", "ccmp", "locl"], hinting=False, notdef_outline=True)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=LATIN)
    subsetter.subset(font)
    return save(font, out)


def thai(path, upem, out):
    """Noto Sans Thai in Inter's units, without what Inter has."""
    font = TTFont(path)
    options = subset.Options(layout_features=["*"], hinting=False, glyph_names=True)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=list(range(0xE00, 0xE80)) + [0x25CC])
    subsetter.subset(font)
    scale_upem(font, upem)
    return save(font, out)


def name(font, style):
    family = "Countersign Sans"
    for record in list(font["name"].names):
        if record.nameID not in (0, 13, 14):
            font["name"].removeNames(nameID=record.nameID)
    texts = {1: family, 2: style, 3: f"{family} {style}", 4: f"{family} {style}", 5: "Version 1.0", 6: f"CountersignSans-{style}"}
    for key, text in texts.items():
        font["name"].setName(text, key, 3, 1, 0x409)


def main():
    variable, noto = sys.argv[1:3]
    here = os.path.dirname(os.path.abspath(__file__))
    for style, weight in (("Regular", 420), ("Bold", 640)):
        with tempfile.TemporaryDirectory() as folder:
            latin = inter(variable, weight, os.path.join(folder, "latin.ttf"))
            upem = TTFont(latin)["head"].unitsPerEm
            other = thai(os.path.join(noto, f"NotoSansThai-{style}.ttf"), upem, os.path.join(folder, "thai.ttf"))
            font = Merger().merge([latin, other])
            # Room for a tone mark over an upper vowel, and for a lower vowel.
            font["hhea"].ascent, font["hhea"].descent, font["hhea"].lineGap = int(1.04 * upem), int(-0.40 * upem), 0
            font["OS/2"].sTypoAscender, font["OS/2"].sTypoDescender, font["OS/2"].sTypoLineGap = int(1.04 * upem), int(-0.40 * upem), 0
            font["OS/2"].usWinAscent, font["OS/2"].usWinDescent = int(1.1 * upem), int(0.45 * upem)
            name(font, style)
            font["head"].created = font["head"].modified = 0
            font.recalcTimestamp = False
            font.save(os.path.join(here, f"CountersignSans-{style}.ttf"))


if __name__ == "__main__":
    main()
