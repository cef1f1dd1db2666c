// Moves the numbers beside each threshold's slider. All counts are in the page; nothing is fetched.
for (const slider of document.querySelectorAll(".slider")) {
  const data = JSON.parse(slider.dataset.rule);
  const input = slider.querySelector("input");
  const show = () => {
    const [threshold, documents, languages] = data.kept[Number(input.value)];
    const share = data.entered ? ((100 * documents) / data.entered).toFixed(1) : "0.0";
    slider.querySelector(".kept").textContent =
      `${data.bound} ${threshold}: ${documents.toLocaleString("en")} kept (${share} %)`;
    const most = Object.entries(languages).sort((a, b) => b[1] - a[1]).slice(0, 12);
    slider.querySelector(".languages").textContent =
      " " + most.map(([name, count]) => `${name || "unknown"} ${count.toLocaleString("en")}`).join(" · ");
    slider.querySelector(".yaml").textContent = data.yaml.replace("@", threshold);
  };
  input.addEventListener("input", show);
  show();
}
