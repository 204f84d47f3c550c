// Whoever points at a chart reads the values of that moment in its legend.

let pointed = null;

export function watchCharts() {
  document.addEventListener("pointermove", (event) => {
    const plot = event.target.closest?.(".plot");
    forget(plot);
    pointed = plot ? { plot, x: event.clientX } : null;
    settleCharts();
  });
}

// Shows the values under a pointer that rests, too, when a refresh has brought new ones.
export function settleCharts() {
  if (pointed?.plot.isConnected) {
    point(pointed.plot, pointed.x);
  }
}

function point(plot, x) {
  const svg = plot.querySelector("svg");
  const box = svg.getBoundingClientRect();
  const at = Math.min(1, Math.max(0, (x - box.left) / box.width));
  const figure = plot.closest("figure");
  for (const line of figure.querySelectorAll("[data-values]")) {
    const values = line.dataset.values.split("|");
    line.querySelector(".number").textContent = values[Math.round(at * (values.length - 1))];
  }
  const { width, height } = svg.viewBox.baseVal;
  svg.querySelector(".cursor").setAttribute("d", `M${at * width},0V${height}`);
  figure.classList.add("pointed");
}

function forget(plot) {
  for (const figure of document.querySelectorAll(".pointed")) {
    if (figure !== plot?.closest("figure")) {
      for (const line of figure.querySelectorAll("[data-values]")) {
        line.querySelector(".number").textContent = line.dataset.now;
      }
      figure.querySelector(".cursor").setAttribute("d", "");
      figure.classList.remove("pointed");
    }
  }
}
