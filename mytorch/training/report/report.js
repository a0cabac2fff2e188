// The page: each <figure data-chart="NAME"> gets its chart from the numbers in <script id="data">; the toggle of light and
// dark, the button that copies.

const KINDS = { lines: XYChart, points: XYChart, heat: HeatChart, flow: FlowChart };
for (const figure of document.querySelectorAll("[data-chart]")) {
  const spec = data.charts[figure.dataset.chart];
  new KINDS[spec.kind](figure, spec);
}

for (const hint of document.querySelectorAll(".hint")) hint.hidden = false;

const theme = document.getElementById("theme"), system = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (document.documentElement.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
const tellTheme = () => theme.setAttribute("aria-pressed", isDark());
theme.hidden = false;
tellTheme();
system.addEventListener("change", tellTheme);
theme.addEventListener("click", () => {
  document.documentElement.dataset.theme = isDark() ? "light" : "dark";
  tellTheme();
});

for (const button of document.querySelectorAll("[data-copy]")) {
  const source = document.getElementById(button.dataset.copy), said = button.parentElement.querySelector("[role=status]");
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(source.textContent);
      said.textContent = "copied";
    } catch { // no access to the clipboard: the text is selected, to be copied by hand
      getSelection().selectAllChildren(source);
      said.textContent = "selected: copy it with Ctrl+C";
    }
  });
}
