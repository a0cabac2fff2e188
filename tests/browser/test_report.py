"""Reports as people use them: with a mouse, with the keyboard alone, on a phone, in the dark."""

from __future__ import annotations

import json

import pytest

KINDS = ["numbers", "off", "한글-이름", "two", "many", "images", "bad"]
CURVE = '[data-chart="curve-0"]'


def plot_of(page, name):
    return page.locator(f'[data-chart="{name}"] .plot')


def said(page, name):
    """What the plot tells those who do not see it."""
    return plot_of(page, name).get_attribute("aria-valuetext")


def box_of(locator):
    locator.scroll_into_view_if_needed()
    return locator.bounding_box()


# --- every page -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", KINDS)
def test_every_chart_is_drawn_nothing_is_too_wide_and_everything_has_a_name(open_page, name):
    page = open_page(name)
    charts = json.loads(page.locator("#data").text_content())["charts"]
    assert page.locator(".plot svg").count() == len(charts)
    assert page.locator(".plot svg").evaluate_all("all => all.every(one => one.childElementCount > 2)")
    assert len(page.seen.requests) == 1, "the file itself"
    assert page.locator("img").evaluate_all("all => all.every(one => one.complete && one.naturalWidth > 0)")
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("svg, img, button, input, [tabindex='0'], [role]")].filter((one) =>
             !one.closest("[aria-hidden]") && one.getAttribute("role") !== "status" &&
             !(one.getAttribute("aria-label") || one.getAttribute("alt") || one.labels?.length || one.textContent.trim())
           ).map((one) => one.outerHTML.slice(0, 200))"""
    )
    assert nameless == []
    roles = page.locator("main").aria_snapshot()
    assert "slider" in roles or name == "bad"
    for width in (1100, 360):
        page.set_viewport_size({"width": width, "height": 800})
        page.wait_for_timeout(50)
        assert page.evaluate("document.documentElement.scrollWidth") == width


def test_a_script_in_the_data_is_shown_and_not_run(open_page):
    page = open_page("한글-이름")
    assert page.get_by_role("columnheader", name="<script>alert(1)</script>").is_visible()
    assert page.locator("#trained").get_by_text("<img src=x onerror=alert(2)>").first.is_visible()
    assert page.locator("img").count() == 0
    assert page.locator("script").count() == 2
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.ran = true\">')")
    page.wait_for_timeout(100)
    assert page.evaluate("window.ran") is None, "the policy would stop even a script that got in"
    assert any("Content Security Policy" in error for error in page.seen.errors)
    page.seen.errors.clear()


# --- curves -----------------------------------------------------------------------------------------------------------


def test_hovering_shows_values(open_page):
    page = open_page("numbers")
    data = json.loads(page.locator("#data").text_content())["charts"]["curve-0"]
    box = box_of(plot_of(page, "curve-0"))
    page.mouse.move(box["x"] + box["width"] - 12, box["y"] + 80)
    assert said(page, "curve-0").startswith("epoch 8: train ")
    last = said(page, "curve-0")
    page.mouse.move(box["x"] + 60, box["y"] + 80)
    assert said(page, "curve-0").startswith("epoch 1: train ")
    assert said(page, "curve-0") != last
    values = page.locator(f"{CURVE} .legend b").all_text_contents()
    assert [float(value) for value in values] == pytest.approx([one["y"][0] for one in data["series"]], rel=1e-3)


def test_the_keyboard_moves_the_crosshair_and_zooms(open_page):
    page = open_page("numbers")
    plot = plot_of(page, "curve-0")
    plot.focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert said(page, "curve-0").startswith("epoch 3: ")
    whole = page.locator(f"{CURVE} path.line").first.get_attribute("d")
    page.keyboard.press("+")
    assert page.locator(f"{CURVE} path.line").first.get_attribute("d") != whole
    page.keyboard.press("End")
    assert said(page, "curve-0").startswith("epoch 8: ")
    assert page.locator(f"{CURVE} line.cross").count() == 1, "the view goes along with the crosshair"
    page.keyboard.press("0")
    assert page.locator(f"{CURVE} path.line").first.get_attribute("d") == whole


def test_dragging_wheel_and_buttons_zoom(open_page):
    page = open_page("numbers")
    line = page.locator(f"{CURVE} path.line").first
    whole = line.get_attribute("d")
    box = box_of(plot_of(page, "curve-0"))
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.4, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, middle, steps=4)
    assert page.locator(f"{CURVE} rect.select").count() == 1
    page.mouse.up()
    dragged = line.get_attribute("d")
    assert dragged != whole
    page.get_by_role("button", name="loss: show all").click()
    assert line.get_attribute("d") == whole
    page.get_by_role("button", name="loss: zoom in").click()
    assert line.get_attribute("d") not in (whole, dragged)
    page.get_by_role("button", name="loss: zoom out").click()
    assert line.get_attribute("d") == whole
    page.mouse.move(box["x"] + 200, box["y"] + 100)
    page.mouse.wheel(0, -100)
    page.wait_for_timeout(50)
    assert line.get_attribute("d") == whole, "the page scrolls past a chart that was not clicked"
    box = box_of(plot_of(page, "curve-0"))
    page.mouse.click(box["x"] + 200, box["y"] + 100)
    page.mouse.wheel(0, -100)
    page.wait_for_function(
        f"whole => document.querySelector('{CURVE} path.line').getAttribute('d') !== whole", arg=whole
    )
    page.mouse.dblclick(box["x"] + 200, box["y"] + 100)
    assert line.get_attribute("d") == whole


def test_a_logarithmic_scale_and_hidden_lines(open_page):
    page = open_page("numbers")
    line = page.locator(f"{CURVE} path.line").first
    whole = line.get_attribute("d")
    log = page.get_by_role("button", name="loss: logarithmic scale")
    log.click()
    assert log.get_attribute("aria-pressed") == "true"
    assert line.get_attribute("d") != whole
    train = page.locator(f"{CURVE} .legend button").first
    assert page.locator(f"{CURVE} path.line").count() == 2
    train.press("Space")
    assert train.get_attribute("aria-pressed") == "false"
    assert page.locator(f"{CURVE} path.line").count() == 1
    assert "train" not in said(page, "curve-0")


def test_a_table_stands_for_each_chart(open_page):
    page = open_page("numbers")
    figures = page.locator("figure.chart")
    assert figures.count() == page.locator("figure.chart > details").count() > 8
    page.locator(f"{CURVE} summary").click()
    rows = page.locator(f"{CURVE} tbody tr")
    rows.first.wait_for()
    assert rows.count() == 8
    assert page.locator(f"{CURVE} thead th").all_text_contents() == ["epoch", "train", "validation"]


# --- predictions and the gradient flow ----------------------------------------------------------------------------------


def test_points_are_read_and_zoomed(open_page):
    page = open_page("numbers")
    box = box_of(plot_of(page, "points"))
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert " row " in said(page, "points")
    assert "predicted" in said(page, "points")
    points = page.locator('[data-chart="points"] path.dots').first
    whole = points.get_attribute("d")
    plot_of(page, "points").press("+")
    assert points.get_attribute("d") != whole
    plot_of(page, "points").press("Escape")
    assert points.get_attribute("d") == whole


def test_many_classes_are_read(open_page):
    page = open_page("many")
    plot = plot_of(page, "heat")
    plot.press("ArrowRight")
    plot.press("ArrowDown")
    assert said(page, "heat").startswith("true class 1, predicted class 1: ")
    box = box_of(plot)
    page.mouse.move(box["x"] + 26, box["y"] + 4)
    assert said(page, "heat").startswith("true class 0, predicted class 0: ")


def test_the_slider_moves_the_bars_and_arrows_choose_a_layer(open_page):
    page = open_page("numbers")
    flow = json.loads(page.locator("#data").text_content())["charts"]["flow"]
    slider = page.get_by_role("slider", name="Logging step")
    assert slider.get_attribute("aria-valuetext") == f"step {flow['steps'][-1]}, epoch {flow['epochs'][-1]}"

    def heights():
        return page.locator("rect.bar-gradient_norm").evaluate_all("all => all.map(one => one.getAttribute('height'))")

    last = heights()
    slider.focus()
    page.keyboard.press("Home")
    assert slider.get_attribute("aria-valuetext") == f"step {flow['steps'][0]}, epoch {flow['epochs'][0]}"
    assert len(heights()) == len(last) == 3
    assert heights() != last
    plot_of(page, "flow").focus()
    page.keyboard.press("End")
    value = flow["measures"]["gradient_norm"][0][-1]
    assert said(page, "flow").startswith("3 Linear: gradient norm ")
    assert float(said(page, "flow").split("gradient norm ")[1].split(",")[0]) == pytest.approx(value, rel=1e-3)
    page.locator('[data-chart="flow"] summary').click()
    rows = page.locator('[data-chart="flow"] tbody tr')
    rows.first.wait_for()
    assert rows.count() == len(flow["layers"])
    first = rows.first.text_content()
    slider.focus()
    page.keyboard.press("End")
    assert rows.first.text_content() != first, "the table goes along with the slider"


def test_fifty_layers_are_seen_at_once(open_page):
    page = open_page("numbers")
    assert page.locator('[data-chart="flow"] svg').get_by_text("saturated outputs").is_visible()
    long = "2.layers.0 Linear"
    names = page.locator('[data-chart="flow"] text.name').all_text_contents()
    assert f"…{long[-15:]}" in names, "of a long name the end is shown, which tells it from its neighbours"
    page.evaluate(
        """() => {
             const layers = Array.from({ length: 99 }, (_, i) => ({ name: String(i), type: i % 2 ? "ReLU" : "Linear" }));
             const figure = html("figure", { class: "chart full", "data-chart": "deep" }, html("figcaption", {}, "deep"));
             document.getElementById("flow").append(figure);
             new FlowChart(figure, { title: "deep", layers, steps: [1], epochs: [1],
               measures: { gradient_norm: [layers.map((_, i) => (i % 2 ? null : 10 ** (i - 99)))] } });
           }"""
    )
    page.locator('[data-chart="deep"] rect.bar-gradient_norm').nth(49).wait_for()
    over = page.locator('[data-chart="deep"] .over')
    assert over.evaluate("one => one.scrollWidth <= one.clientWidth")
    names = [name for name in page.locator('[data-chart="deep"] text.name').all_text_contents() if name[0].isdigit()]
    assert names == [f"{layer} Linear" for layer in range(0, 99, 2)]


# --- the whole page -----------------------------------------------------------------------------------------------------


def colour(page):
    return page.evaluate("getComputedStyle(document.body).backgroundColor")


def test_light_and_dark(open_page):
    light, dark = open_page("numbers", color_scheme="light"), open_page("numbers", color_scheme="dark")
    assert colour(light) == "rgb(255, 255, 255)"
    assert colour(dark) == "rgb(20, 23, 28)"
    toggle = light.get_by_role("button", name="Dark colours")
    assert toggle.get_attribute("aria-pressed") == "false"
    toggle.click()
    assert toggle.get_attribute("aria-pressed") == "true"
    assert colour(light) == colour(dark)
    toggle.click()
    assert colour(light) == "rgb(255, 255, 255)"


CONTRAST = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const parts = (colour) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data]; };
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (one) => { for (; one; one = one.parentElement) { const c = parts(getComputedStyle(one).backgroundColor); if (c[3]) return c; } };
  const poor = [];
  for (const one of document.querySelectorAll("body *")) {
    const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || !one.checkVisibility() || one.closest("script, style, noscript")) continue;
    const style = getComputedStyle(one), of = parts(one.closest("svg") ? style.fill : style.color), on = behind(one.closest("svg")?.parentElement ?? one);
    const [high, low] = [light(of), light(on)].sort((a, b) => b - a);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < 4.5) poor.push([ratio.toFixed(2), one.outerHTML.slice(0, 120)]);
  }
  return poor;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["numbers", "images", "bad"])
def test_all_text_can_be_read(open_page, name, scheme):
    assert open_page(name, color_scheme=scheme).evaluate(CONTRAST) == []


def test_the_tab_key_reaches_every_control_in_order(open_page):
    page = open_page("numbers")
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    page.wait_for_timeout(50)
    expected = page.evaluate(
        """() => { const all = [...document.querySelectorAll("a[href], button, input, summary, [tabindex='0']")];
             all.forEach((one, i) => { one.dataset.order = i; });
             return all.filter((one) => one.checkVisibility()).map((one) => Number(one.dataset.order)); }"""
    )
    reached = []
    for _ in expected:
        page.keyboard.press("Tab")
        reached.append(page.evaluate("Number(document.activeElement.dataset.order)"))
    assert reached == expected
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid", "who moves with the keyboard sees where they are"


def test_the_first_link_skips_to_the_content(open_page):
    page = open_page("numbers")
    page.keyboard.press("Tab")
    link = page.get_by_role("link", name="Skip to the content")
    assert link.evaluate("one => one.getBoundingClientRect().left") >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_the_config_is_copied_or_selected(open_page, report_runs):
    page = open_page("numbers")
    page.get_by_role("button", name="Copy").click()
    status = page.locator("#config [role=status]")
    page.wait_for_function("document.querySelector('#config [role=status]').textContent !== ''")
    if status.text_content() != "copied":
        run = next((report_runs / "runs" / "numbers").iterdir())
        assert page.evaluate("String(getSelection())").strip() == (run / "config.yaml").read_text().strip()


def test_on_paper(open_page):
    page = open_page("numbers", color_scheme="light")
    page.locator("#theme").click()
    page.emulate_media(media="print")
    assert colour(page) == "rgb(255, 255, 255)", "even if dark colours were chosen"
    assert not page.get_by_text("Values as a table").first.is_visible()
    assert not page.get_by_text("Drag to zoom").is_visible()
    assert page.get_by_role("button").count() == page.locator(".legend button").count()


def test_without_a_script_all_but_the_charts_is_there(browser, report_runs):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((next((report_runs / "runs" / "numbers").iterdir()) / "report.html").as_uri())
    assert page.locator("body > noscript p").is_visible()
    assert page.locator("figure noscript p").count() == page.locator("figure").count()
    assert page.get_by_role("cell").count() > 20
    assert page.locator("#config pre").is_visible()
    for of_no_use in ("Drag to zoom", "Move the slider"):
        assert not page.get_by_text(of_no_use).is_visible()
    context.close()


def test_larger_letters_of_the_reader_s_own_choice(open_page):
    page = open_page("numbers")
    size = "parseFloat(getComputedStyle(document.querySelector('#predictions p')).fontSize)"
    before = page.evaluate(size)
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    page.wait_for_timeout(50)
    assert page.evaluate(size) == 2 * before
    assert page.evaluate("document.documentElement.scrollWidth") == 1100


def test_several_runs(open_page, report_runs, mytorch_command, tmp_path):
    file = tmp_path / "several.html"
    mytorch_command("report", "numbers", "off", "bad", "-o", file, cwd=report_runs)
    for width in (1100, 360):
        page = open_page("", file=file, width=width)
        assert page.evaluate("document.documentElement.scrollWidth") == width
        lines = page.locator(f"{CURVE} path.line")
        assert lines.count() == 2
        page.locator(f"{CURVE} .legend button").nth(1).click()
        assert lines.count() == 1
        plot_of(page, "curve-0").press("End")
        assert said(page, "curve-0").startswith("epoch 8: numbers/")
        assert page.evaluate(CONTRAST) == []
