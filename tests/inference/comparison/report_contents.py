"""Contents for the tests of the report: a small one with known numbers, and one full of traps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from inference.report import (
    Cell,
    Column,
    Command,
    Content,
    Curve,
    Plot,
    Row,
    Scatter,
    Series,
    Sheet,
)

LONG = "very-long-" * 500
RAN = "window.ran=1;alert(1)"
# What was given, and what the page must show.
HOSTILE = {
    f"<script>{RAN}</script>": None,
    f"</script><script>{RAN}</script>": None,
    f"<img src=x onerror={RAN}>": None,
    f"\"><svg onload='{RAN}'>": None,
    f"' onmouseover='{RAN}' x='": None,
    "{{ 7 * 7 }}{% raw %}": None,
    "${" + RAN + "} `" + RAN + "`": None,
    "&lt;b&gt; &amp; &#60;": None,
    f"<!-- --><![CDATA[ </title></style><script>{RAN}</script>": None,
    "line\u2028paragraph\u2029end": None,
    "right\u202eot tfel\u2066": None,
    "nul\x00bell\x07escape\x1b[31m": "nul\ufffdbell\ufffdescape\ufffd[31m",
    "half \ud800 pair": "half \ufffd pair",
    f"javascript:{RAN}//\\u003cscript>\\": None,
    LONG: None,
}
SHOWN = [given if shown is None else shown for given, shown in HOSTILE.items()]

K = np.array([1, 10, 100, 1000])


def images(count: int, height: int = 3, width: int = 4) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (count, height, width), dtype=np.uint8)


def known() -> Content:
    """A content whose every number the tests can look up."""
    steps = np.arange(0, 2001, 100)
    seconds = np.sqrt(steps) / 7
    values = {
        label: -90 - place - 200 * np.exp(-steps / 200)
        for place, label in enumerate(["ELBO", "IWAE", "RWS"])
    }
    values["RWS"][5:7] = [np.nan, np.inf]
    scores = {"ELBO": -92.25, "IWAE": -91.125, "RWS": -100.5, "STL": float("nan")}
    rows = [
        Row(
            ("vae", label, "pyro"),
            (
                Cell(f"{score:.3f} ± 0.250", score, 0.25, best=label == "IWAE"),
                Cell(f"{place * 3}", place * 3.0),
            ),
            curve=label,
        )
        for place, (label, score) in enumerate(scores.items())
    ]
    failed = Row(("vae", "DReG", "pyro"), failed="a guide without rsample\nTraceback:\n  line 3")
    return Content(
        title="Known",
        facts={"data": "digits/test", "budget": "2,000 steps"},
        columns=(Column("log p", "nats per datum", "higher"), Column("time", "s", "lower")),
        rows=(failed, *rows),
        ranking_note="Mean ± standard error.",
        curves=tuple(
            Curve(label, "bound", "nats", steps, seconds, row, "seed 0")
            for label, row in values.items()
        ),
        latents=(
            Scatter(
                "IWAE",
                [0.0, 1.0, 2.0, 3.5],
                [1.0, -1.0, 0.5, 2.0],
                ["9", "10", "9", "10"],
                images(4),
                "The first two coordinates.",
            ),
        ),
        samples=(Sheet("IWAE", images(14) / 255), Sheet("RWS", np.full((2, 3, 4), np.nan))),
        lines=(
            Plot(
                "SNR",
                "K",
                "ratio",
                (
                    Series("IWAE", "guide", K, K**-0.5),
                    Series("IWAE", "model", K, K**0.5),
                    Series("DReG", "guide", K, K**0.5),
                ),
                log_x=True,
                log_y=True,
            ),
        ),
        commands=(Command("again", "ppl-zoo compare spec.toml \\\n  --out 'a & b'"),),
    )


def everywhere(strings: Sequence[str]) -> Content:
    """A content that has each of the strings wherever a string can be."""
    steps = [0.0, 1.0, 2.0]
    joined = " ".join(strings)
    return Content(
        title=joined,
        facts={text: text for text in strings},
        label_names=(strings[0], strings[1], strings[2]),
        columns=tuple(Column(text, text, "higher", text) for text in strings),
        rows=tuple(
            Row((text, text, text), tuple(Cell(text, 1.0) for _ in strings), curve=text)
            for text in strings
        )
        + tuple(Row((text, text, text), failed=text) for text in strings)
        + tuple(Row((text, text, text), failed=f"{text}\n{text}") for text in strings),
        ranking_note=joined,
        curves=tuple(
            Curve(text, text, text, steps, steps, [place, place, place], text)
            for place, text in enumerate(strings)
        ),
        latents=tuple(
            Scatter(text, range(15), range(15), list(strings), images(15), text, text, text)
            for text in strings
        ),
        samples=tuple(Sheet(text, images(1) / 255) for text in strings),
        lines=tuple(
            Plot(text, text, text, (Series(text, text, steps, steps),)) for text in strings
        ),
        commands=tuple(Command(text, text) for text in strings),
    )
