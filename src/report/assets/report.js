"use strict";
// Adds what needs a script: sorting, the filter by severity, the theme and printing. The page is whole without it.
(() => {
  const live = document.getElementById("live");
  const say = (text) => { live.textContent = text; };
  const plain = (element) => element.textContent.trim().replace(/\s+/g, " ");

  // Sorting. A table's rows, or its bodies where one thing takes several rows.
  for (const table of document.querySelectorAll("table[data-sort]")) {
    const heads = [...table.tHead.rows[0].cells];
    const bodies = table.dataset.sort === "bodies";
    const items = () => bodies ? [...table.tBodies] : [...table.tBodies[0].rows];
    const cell = (item, column) => (bodies ? item.rows[0] : item).cells[column];
    const numeric = (column) => heads[column].dataset.kind === "number" ||
      items().every((item) => cell(item, column).classList.contains("number") || plain(cell(item, column)) === "–");
    heads.forEach((head, column) => {
      const name = plain(head);
      const isNumber = numeric(column);
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      // What has no value comes last, whichever the direction.
      const key = (item) => {
        const found = cell(item, column);
        const text = found.dataset.sort ?? plain(found);
        if (!isNumber) return text === "–" ? null : text;
        const value = text.replace(/,/g, "");
        return value === "" || Number.isNaN(Number(value)) ? null : Number(value);
      };
      button.addEventListener("click", () => {
        const first = isNumber ? "descending" : "ascending";
        const other = isNumber ? "ascending" : "descending";
        const order = head.getAttribute("aria-sort") === first ? other : first;
        const turn = order === "ascending" ? 1 : -1;
        const keyed = items().map((item) => [key(item), item]);
        keyed.sort(([left], [right]) => {
          if (left === right) return 0;
          if (left === null) return 1;
          if (right === null) return -1;
          return left < right ? -turn : turn;
        });
        const parent = bodies ? table : table.tBodies[0];
        parent.append(...keyed.map(([, item]) => item));
        for (const each of heads) each.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", order);
        say(`${plain(table.caption)}: sorted by ${name}, ${order}`);
      });
    });
  }

  // The filter.
  const filter = document.getElementById("filter");
  const findings = [...document.querySelectorAll("tbody.finding")];
  filter.addEventListener("change", () => {
    const shown = new Set([...filter.querySelectorAll("input:checked")].map((box) => box.value));
    let count = 0;
    for (const finding of findings) {
      finding.hidden = !shown.has(finding.dataset.severity);
      count += finding.hidden ? 0 : 1;
    }
    say(`${count} of ${findings.length} findings shown`);
  });

  // The theme: the system's, light, dark.
  const theme = document.getElementById("theme");
  const themes = ["system", "light", "dark"];
  theme.addEventListener("click", () => {
    const now = document.documentElement.dataset.theme ?? "system";
    const next = themes[(themes.indexOf(now) + 1) % themes.length];
    if (next === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = next;
    theme.textContent = `Theme: ${next}`;
  });

  // Printing: everything is opened, and closed again afterwards.
  let opened = [];
  window.addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    for (const details of opened) details.open = true;
  });
  window.addEventListener("afterprint", () => {
    for (const details of opened) details.open = false;
    opened = [];
  });
  document.getElementById("print").addEventListener("click", () => window.print());

  // A link to a finding opens it.
  const follow = () => {
    const target = document.getElementById(location.hash.slice(1));
    const details = target?.classList.contains("finding") ? target.querySelector("details") : null;
    if (details) details.open = true;
  };
  window.addEventListener("hashchange", follow);
  follow();

  document.getElementById("controls").hidden = false;
})();
