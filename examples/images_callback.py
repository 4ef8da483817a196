"""A person answers about pictures, a sheet of twelve at a time.

Replace the folder ``pictures`` (scikit-learn's digits, written as PNG files) by yours. Each round draws the
twelve pictures that are asked about, with their numbers, into ``sheet.png``; open it, and type their twelve
clusters in one line ("3 8 8 one ..."). ``-`` skips a picture, ``.`` takes the most probable cluster, an empty
line ends. Answers are kept in ``activeclust.db`` as the run ``pictures``: run it again to continue.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from sklearn.datasets import load_digits

from activeclust import SKIP, STOP, ActiveLoop
from activeclust.annotators import batch

SIDE = 120  # pixels of a picture on the sheet

folder = Path("pictures")
if not folder.exists():
    folder.mkdir()
    for number, image in enumerate(load_digits().images[:300]):
        Image.fromarray((image * 15.9).astype(np.uint8)).save(folder / f"{number:03}.png")


@batch
def ask(queries):
    sheet = Image.new("RGB", (6 * SIDE, 2 * (SIDE + 20)), "white")
    draw = ImageDraw.Draw(sheet)
    for place, query in enumerate(queries):
        x, y = place % 6 * SIDE, place // 6 * (SIDE + 20)
        sheet.paste(Image.open(query.item).convert("RGB").resize((SIDE - 6, SIDE - 6)), (x + 3, y + 18))
        best = f": {query.suggestions[0][0]}?" if query.suggestions else ""
        draw.text((x + 4, y + 3), f"{place + 1}{best}", fill="black")
    sheet.save("sheet.png")
    print(f"sheet.png shows {len(queries)} pictures, {queries[0].item.name} first")
    try:
        typed = input("their clusters: ").split()
    except EOFError:  # end of a pipe, or Ctrl-D
        typed = []
    if not typed:
        return [STOP]
    answers = [meant(word, query) for word, query in zip(typed, queries, strict=False)]
    return [*answers, STOP] if len(answers) < len(queries) else answers


def meant(word, query):
    first = query.suggestions[0][0] if query.suggestions else SKIP
    return {"-": SKIP, ".": first}.get(word, word)


def pixels(path):
    """Embeddings of a vision model go here; for pictures as small as these their pixels do."""
    return np.asarray(Image.open(path).convert("L").resize((8, 8)), dtype=float).ravel()


paths = sorted(folder.glob("*.png"))
# embeddings of a vision model go here; for pictures as small as these their pixels do
X = np.stack(
    [np.asarray(Image.open(path).convert("L").resize((8, 8)), dtype=float).ravel() for path in paths]
)
loop = ActiveLoop(X, ask, items=paths, name="pictures", resume="auto", batch_size=12, random_state=0)
history = loop.run(budget=60)

print(f"{len(loop.anchors)} answers, ended by: {history.ended}")
for cluster in loop.clusters:
    print(f"{cluster}: {', '.join(path.name for path in np.array(paths)[loop.labels == cluster][:8])} ...")
