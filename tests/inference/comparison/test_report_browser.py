"""The report as a reader uses it: opened from disk in headless Chromium.

Truth: the numbers, strings and images that were given; the browser's own log, list of requests and
accessibility attributes. One browser serves all tests of the module.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from report_contents import HOSTILE, LONG, SHOWN, K, everywhere, images, known
from selenium import webdriver
from selenium.common.exceptions import NoAlertPresentException
from selenium.webdriver.common.actions.action_builder import ActionBuilder
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from inference.report import Cell, Column, Content, Curve, Row, render, write_report

FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
)


class Reader:
    """A browser with one report open."""

    def __init__(self, driver: webdriver.Chrome, folder: Path) -> None:
        self.driver, self.folder = driver, folder

    def open(self, content: Content | str) -> None:
        path = self.folder / "report.html"
        if isinstance(content, str):
            path.write_text(content, encoding="utf-8")
        else:
            write_report(content, path)
        self.driver.get(path.as_uri())

    def js(self, code: str, *arguments: Any) -> Any:
        return self.driver.execute_script(code, *arguments)

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def texts(self, selector: str) -> list[str]:
        code = "return [...document.querySelectorAll(arguments[0])].map((e) => e.textContent)"
        return self.js(code, selector)

    def points(self, selector: str) -> np.ndarray:
        """The corners of a path, in pixels of its chart."""
        path = self.one(selector).get_attribute("d") or ""
        pairs = path.replace("h0", "").replace("M", " ;").replace("L", " ;").split(";")[1:]
        return np.array([pair.split() for pair in pairs], dtype=float)

    def hover(self, chart: WebElement, x: float, y: float) -> None:
        """Rest the pointer on a pixel of a chart."""
        self.js("arguments[0].scrollIntoView({block: 'center'})", chart)
        box = self.js("const b = arguments[0].getBoundingClientRect(); return [b.x, b.y]", chart)
        actions = ActionBuilder(self.driver, duration=0)
        actions.pointer_action.move_to_location(round(box[0] + x), round(box[1] + y))
        actions.perform()

    def emulate(self, theme: str, width: int = 1200) -> None:
        shape = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", shape)
        features = [{"name": "prefers-color-scheme", "value": theme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def log(self) -> list[str]:
        return [entry["message"] for entry in self.driver.get_log("browser")]  # pyright: ignore


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    chromium, driver_path = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver_path is None:
        pytest.skip("chromium and chromedriver are not installed, so the report was not opened")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in FLAGS.split():
        options.add_argument(flag)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('profile')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver_path))
    yield driver
    driver.quit()


@pytest.fixture
def reader(browser: webdriver.Chrome, tmp_path: Path) -> Iterator[Reader]:
    """The browser; afterwards its log must be empty, and nothing asked for outside the file."""
    reader = Reader(browser, tmp_path)
    reader.emulate("light")
    yield reader
    asked = "return performance.getEntriesByType('resource').map((e) => e.name.slice(0, 30))"
    assert [name for name in reader.js(asked) if not name.startswith("data:")] == []
    assert reader.log() == []


def order(reader: Reader) -> list[str]:
    return reader.texts("#ranking tbody td:nth-child(2) bdi")


def test_ranking_sorts_by_pointer_and_keyboard(reader: Reader) -> None:
    reader.open(known())
    assert order(reader) == ["DReG", "ELBO", "IWAE", "RWS", "STL"]
    shown = reader.js(
        "return [...document.querySelectorAll('td.value')].map((e) => "
        "[e.querySelector('bdi').textContent, "
        "'value' in e.dataset ? Number(e.dataset.value) : null,"
        " e.querySelector('.mark')?.textContent ?? ''])"
    )
    cells = [cell for row in known().rows for cell in row.cells]
    expected = [[cell.text, cell.value, "best" if cell.best else ""] for cell in cells]
    expected[6][:2] = ["not finite", None]
    assert shown == expected
    buttons, headings = reader.all("#ranking th button"), reader.all("#ranking th")
    buttons[3].click()  # log p: higher is better, the missing value and the failed row come last
    assert order(reader) == ["IWAE", "ELBO", "RWS", "STL", "DReG"]
    assert headings[3].get_attribute("aria-sort") == "descending"
    buttons[3].send_keys(Keys.ENTER)
    assert order(reader) == ["RWS", "ELBO", "IWAE", "STL", "DReG"]
    assert headings[3].get_attribute("aria-sort") == "ascending"
    buttons[4].send_keys(Keys.SPACE)  # time: lower is better
    assert order(reader) == ["ELBO", "IWAE", "RWS", "STL", "DReG"]
    buttons[1].click()
    assert order(reader) == ["ELBO", "IWAE", "RWS", "STL", "DReG"]
    buttons[1].click()
    assert order(reader) == ["STL", "RWS", "IWAE", "ELBO", "DReG"]
    assert [each.get_attribute("aria-sort") for each in headings] == [None, "descending"] + [
        None
    ] * 3
    summary = reader.one("#ranking summary")
    summary.click()
    assert reader.one("#ranking details code").text == "Traceback:\n  line 3"


def test_numbers_sort_as_numbers_and_ties_stay_in_order(reader: Reader) -> None:
    values = [9.0, 10.0, -1.0, 1e-3, 2e5, 10.0, None]
    rows = tuple(
        Row((f"run {place}",), (Cell(str(value), value),)) for place, value in enumerate(values)
    )
    reader.open(Content("t", label_names=("run",), columns=(Column("c"),), rows=rows))
    buttons = reader.all("#ranking th button")
    buttons[1].click()
    runs = "#ranking tbody td:first-child bdi"
    assert reader.texts(runs) == [f"run {place}" for place in (2, 3, 0, 1, 5, 4, 6)]
    buttons[1].click()
    assert reader.texts(runs) == [f"run {place}" for place in (4, 1, 5, 0, 3, 2, 6)]


def test_curves_show_the_numbers_on_both_axes(reader: Reader) -> None:
    content = known()
    reader.open(content)
    curve = content.curves[1]
    line = "#curves g.k1 .line"
    values = np.asarray(curve.values)
    for axis, across in (("steps", curve.steps), ("seconds", curve.seconds)):
        assert across is not None
        reader.js("arguments[0].click()", reader.one(f"#curves input[value='{axis}']"))
        assert reader.texts("#curves .below") == [axis]
        drawn = reader.points(line)
        for pixels, given in zip(drawn.T, (np.asarray(across), values), strict=True):
            slope, start = np.polyfit(given, pixels, 1)
            np.testing.assert_allclose(pixels, start + slope * given, atol=0.06)
            assert slope > 0 if given is not values else slope < 0
        chart = reader.one("#curves .frame > svg")
        reader.hover(chart, *drawn[9])
        label, run, *numbers = reader.texts("#curves .tip > *")
        assert (label, run) == ("IWAE", "seed 0")
        for text, name, given in zip(numbers, (axis, "bound"), (across, values), strict=True):
            assert text.startswith(f"{name} ")
            assert float(text.split()[1]) == float(f"{np.asarray(given)[9]:.6g}")
        assert len(reader.all("#curves g.faint")) == 2
    broken = reader.one("#curves g.k2 .line").get_attribute("d") or ""
    assert broken.count("M") == 2  # where values are not finite, the line is interrupted
    height = np.ptp(reader.points(line)[12:, 1])
    reader.js("arguments[0].click()", reader.one("#curves input[value='close-up']"))
    assert np.ptp(reader.points(line)[12:, 1]) > 5 * height


def test_switches_show_and_hide(reader: Reader) -> None:
    reader.open(known())
    boxes = reader.all("#curves .legend input")
    assert reader.texts("#curves .legend bdi") == ["ELBO", "IWAE", "RWS"]
    boxes[0].send_keys(Keys.SPACE)
    assert [len(reader.all(f"#curves g.k{colour} .line")) for colour in range(3)] == [0, 1, 1]
    everything, nothing = reader.all("#curves .legend button")
    nothing.click()
    assert reader.all("#curves .line") == []
    assert "Nothing to draw" in reader.one("#curves .empty").text
    assert not any(box.is_selected() for box in boxes)
    everything.click()
    assert len(reader.all("#curves .line")) == 3
    reader.all("#latents .legend input")[0].click()
    assert len(reader.all("#latents .cloud")) == 1


def test_a_point_shows_its_image_and_class(reader: Reader) -> None:
    content = known()
    reader.open(content)
    chart = reader.one("#latents .frame > svg")
    given, scatter = images(4), content.latents[0]
    seen = set()
    for colour, members in ((0, [0, 2]), (1, [1, 3])):
        for spot, place in zip(reader.points(f"#latents g.k{colour} .cloud"), members, strict=True):
            reader.hover(chart, *spot)
            name, x, y = reader.texts("#latents .tip > :not(canvas)")
            assert scatter.classes is not None
            assert name == scatter.classes[place]
            assert float(x.removeprefix("z[0] ")) == np.asarray(scatter.x)[place]
            assert float(y.removeprefix("z[1] ")) == np.asarray(scatter.y)[place]
            shown = reader.js(
                "const c = document.querySelector('#latents canvas');"
                "return [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"
            )
            np.testing.assert_array_equal(np.reshape(shown, (3, 4, 4))[..., 0], given[place])
            seen.add(place)
    assert seen == {0, 1, 2, 3}
    reader.hover(chart, -5, -5)
    assert not reader.one("#latents .tip").is_displayed()


def test_plots_have_log_axes_that_their_panels_share(reader: Reader) -> None:
    reader.open(known())
    assert reader.texts("#lines figcaption bdi") == ["SNR: guide", "SNR: model"]
    falling = reader.points("#lines figure:nth-child(1) g.k1 .line")
    rising = reader.points("#lines figure:nth-child(1) g.k3 .line")
    np.testing.assert_allclose(np.diff(falling[:, 0]), np.diff(falling[:, 0])[0], atol=0.15)
    np.testing.assert_allclose(falling[:, 0], rising[:, 0])
    np.testing.assert_allclose(
        falling[1:, 1] - falling[0, 1], rising[0, 1] - rising[1:, 1], atol=0.2
    )
    np.testing.assert_allclose(reader.points("#lines figure:nth-child(2) g.k1 .line"), rising)
    chart = reader.one("#lines figure:nth-child(1) .frame > svg")
    reader.js("arguments[0].focus()", chart)
    for key, label, x in (
        (Keys.ARROW_RIGHT, "IWAE", K[0]),
        (Keys.ARROW_RIGHT, "IWAE", K[1]),
        (Keys.ARROW_DOWN, "DReG", K[0]),
        (Keys.ARROW_RIGHT, "DReG", K[1]),
    ):
        chart.send_keys(key)
        shown = reader.texts("#lines figure:nth-child(1) .tip > *")
        assert (shown[0], shown[1]) == (label, f"K {x}")
    assert shown[2] == f"ratio {10**0.5:.6g}"
    chart.send_keys(Keys.ESCAPE)
    assert not reader.one("#lines .tip").is_displayed()


def test_theme_follows_the_system_until_it_is_chosen(reader: Reader) -> None:
    ground = "return getComputedStyle(document.body).backgroundColor"
    seen = {}
    for system in ("light", "dark"):
        reader.emulate(system)
        reader.open(Content("t"))
        seen[system] = reader.js(ground)
    assert seen == {"light": "rgb(252, 252, 251)", "dark": "rgb(21, 23, 27)"}
    radios = reader.all("#theme input")
    chosen = {radio.get_attribute("value"): radio for radio in radios}
    for system in ("light", "dark"):
        reader.emulate(system)
        for theme, expected in (("light", "light"), ("dark", "dark"), ("auto", system)):
            reader.js("arguments[0].click()", chosen[theme])
            assert reader.js(ground) == seen[expected]
    radios[0].send_keys(Keys.ARROW_RIGHT)
    assert reader.js(ground) == seen["light"]


def test_commands_are_copied_as_they_are(reader: Reader) -> None:
    reader.driver.execute_cdp_cmd(
        "Browser.grantPermissions", {"permissions": ["clipboardReadWrite"]}
    )
    reader.open(known())
    button = reader.one("button.copy")
    button.click()
    assert button.text == "copied"
    read = "const done = arguments[0]; navigator.clipboard.readText().then(done, done)"
    assert reader.driver.execute_async_script(read) == known().commands[0].text


def test_hostile_strings_are_shown_and_do_nothing(reader: Reader) -> None:
    count = "const n = {}; for (const e of document.querySelectorAll('*')) {" + (
        "const k = e.tagName + ' ' + [...e.attributes].map((a) => a.name).sort();"
        "n[k] = (n[k] ?? 0) + 1 } return n"
    )
    reader.open(everywhere([f"benign {place}" for place in range(15)]))
    benign = reader.js(count)
    reader.open(everywhere(list(HOSTILE)))
    hostile = reader.js(count)
    # Ticks are alike, so every element and attribute is.
    assert hostile == benign
    assert reader.js("return document.title") == " ".join(SHOWN)
    assert reader.texts("h1 bdi") == [" ".join(SHOWN)]
    assert reader.texts(".facts dt bdi") == reader.texts(".facts dd bdi") == SHOWN
    assert reader.texts("#ranking thead button bdi") == [*SHOWN[:3], *SHOWN]
    assert reader.texts("#ranking tbody td:nth-child(2) bdi") == SHOWN * 3
    assert reader.texts("#ranking td.value bdi") == [text for text in SHOWN for _ in SHOWN]
    assert reader.texts("#ranking td.reason > bdi") == SHOWN
    assert reader.texts("#ranking details code") == SHOWN
    for section in ("curves", "lines"):
        assert reader.texts(f"#{section} .legend bdi") == SHOWN
    assert sorted(reader.texts("#latents .legend bdi")) == sorted(SHOWN)
    assert reader.texts("#curves figcaption bdi") == SHOWN
    assert reader.texts("#lines figcaption bdi") == [f"{text}: {text}" for text in SHOWN]
    assert reader.texts("#samples figcaption bdi") == SHOWN
    assert reader.texts("#commands code") == SHOWN
    for place, chart in enumerate(reader.all("#curves .frame > svg")):
        reader.js("arguments[0].focus()", chart)
        chart.send_keys(Keys.ARROW_RIGHT)
        tip = reader.texts(f"#curves figure:nth-child({place + 1}) .tip bdi")
        assert tip == [SHOWN[place], SHOWN[place], "steps", SHOWN[place]]
    for button in reader.all("#ranking th button")[:4]:
        reader.js("arguments[0].click()", button)
    assert reader.js("return window.ran === undefined")
    with pytest.raises(NoAlertPresentException):
        _ = reader.driver.switch_to.alert.text


def test_markup_that_got_through_would_neither_run_nor_load(browser: Any, tmp_path: Path) -> None:
    reader = Reader(browser, tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.3)
        here = f"http://127.0.0.1:{server.getsockname()[1]}/"
        attack = (
            "<script>window.ran=1</script><img src=x onerror='window.ran=1'>"
            f"<img src='{here}a'><link rel=stylesheet href='{here}b'>"
            f"<iframe src='{here}c'></iframe><script src='{here}d'></script><div style='color:red'>"
        )
        reader.open(render(replace(known(), ranking_note="ATTACK")).replace("ATTACK", attack))
        assert _requests(server) == []
    assert reader.js("return window.ran === undefined")
    assert order(reader)  # while the page's own scripts do run
    assert reader.all("#curves .line")
    refusals = reader.log()
    assert len([each for each in refusals if "Content Security Policy" in each]) >= 6


def _requests(server: socket.socket) -> list[bytes]:
    """What was sent to the server; Chromium may connect ahead of a frame that it then refuses."""
    found = []
    with contextlib.suppress(TimeoutError):
        while True:
            connection, _ = server.accept()
            with connection, contextlib.suppress(TimeoutError):
                connection.settimeout(0.3)
                found.append(connection.recv(100))
    return [sent for sent in found if sent]


def test_every_column_is_seen_on_a_telephone(reader: Reader) -> None:
    """No cell of the ranking lies outside of the page, and each says its heading."""
    reader.emulate("light", width=420)
    reader.open(known())
    outside = reader.js(
        "return [...document.querySelectorAll('#ranking td')].filter((cell) => {"
        "const box = cell.getBoundingClientRect(); return box.left < 0 || box.right > 420 }).length"
    )
    assert outside == 0
    heading = reader.js(
        "return getComputedStyle(document.querySelector('#ranking td.value'), '::before').content"
    )
    assert heading.strip('"').startswith("log p")


@pytest.mark.parametrize("width", [420, 1300])
def test_a_long_command_and_a_long_fact_are_seen_whole(reader: Reader, width: int) -> None:
    content, long = known(), " ".join(f"--set name{n}=value{n}" for n in range(20))
    commands = (replace(content.commands[0], text=long), *content.commands[1:])
    about = "; ".join(["what an objective is valid for"] * 7)
    reader.emulate("light", width=width)
    reader.open(replace(content, commands=commands, facts={**content.facts, "valid for": about}))
    hidden = (
        "return [...document.querySelectorAll('#commands pre, .facts bdi')]"
        ".filter((e) => e.scrollWidth > e.clientWidth || e.scrollHeight > e.clientHeight).length"
    )
    assert reader.js(hidden) == 0


def test_print_keeps_legend_and_columns(reader: Reader) -> None:
    reader.emulate("light", width=1300)
    reader.open(known())
    reader.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    shown = (
        "return [...document.querySelectorAll(arguments[0])]"
        ".filter((e) => getComputedStyle(e).display === 'none' || !e.offsetHeight).length"
    )
    assert reader.all("#curves .legend bdi")
    assert reader.js(shown, "#curves .legend, #curves .legend bdi, #ranking th") == 0
    assert reader.js(shown, "#theme, .copy, .legend input") > 2
    # Chromium leaves buttons out of the heading that it repeats on the second sheet.
    boxes = (
        "return [...document.querySelectorAll('th button')].map((e) => getComputedStyle(e).display)"
    )
    assert set(reader.js(boxes)) == {"contents"}
    ground = "return getComputedStyle(document.body).backgroundColor"
    reader.js("document.documentElement.dataset.theme = 'dark'")
    assert reader.js(ground) == "rgb(255, 255, 255)"  # dark ink on paper, whatever was chosen
    content = known()
    wide = [replace(each, name=f"log_likelihood:num_particles={n}000") for n, each in
            enumerate(content.columns, 1)]  # fmt: skip
    reader.emulate("light", width=660)  # a sheet, less its margins
    reader.open(replace(content, columns=tuple(wide)))
    reader.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    table = "document.querySelector('#ranking table')"
    assert reader.js(f"return {table}.offsetWidth <= {table}.parentElement.clientWidth")
    reader.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_nothing_is_wider_than_a_telephone(reader: Reader) -> None:
    reader.emulate("dark", width=400)
    steps = np.arange(30)
    long = tuple(
        Curve(f"{place} {LONG}", "bound", "nats", steps, steps, steps * place, f"seed {place}")
        for place in range(60)
    )
    content = everywhere(list(HOSTILE))
    for each in (known(), content, replace(content, curves=long)):
        reader.open(each)
        assert reader.js("return document.documentElement.scrollWidth") <= 400
    assert len(reader.all("#curves .line")) == 60
    assert reader.js("return document.querySelector('#curves .legend').offsetHeight") < 300
    chart = reader.one("#curves .frame > svg")
    reader.hover(chart, *reader.points("#curves g.k3.d0 .line")[29])
    tip, frame = reader.js(
        "return ['#curves .tip', '#curves .frame'].map((s) => {"
        "const b = document.querySelector(s).getBoundingClientRect(); return [b.left, b.right] })"
    )
    assert frame[0] - 1 <= tip[0] < tip[1] <= frame[1] + 1
