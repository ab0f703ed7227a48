// A sensor on the first page, as one element: of 200 sensors, each made of twenty, a page would take seconds to build.
// What it shows comes ready as text; all of it becomes text nodes and attributes, nothing is parsed or evaluated.
export default {
  props: { card: Object },
  render() {
    const { h } = Vue, { card } = this;
    const icon = h(Vue.resolveComponent("q-icon"), { name: card.symbol });
    return h("li", { class: "sensor", "data-standing": card.standing }, [
      h("header", [
        h("h3", [h("a", { href: card.href }, card.name)]),
        h("span", { class: "badge", "data-kind": card.standing }, [icon, h("span", card.word)]),
      ]),
      h("div", { class: "numbers" }, [h("strong", card.score), h("span", { class: "quiet" }, card.threshold)]),
      card.progress === null ? this.chart() : h("progress", { class: "progress", max: 1, value: card.progress, "aria-label": card.threshold }),
      h("p", { class: "quiet" }, card.counts),
      card.faults ? h("p", { class: "faults" }, card.faults) : null,
    ]);
  },
  methods: {
    chart() {
      const { h } = Vue, { card } = this, path = (name, d) => h("path", { class: name, d });
      const drawn = [path("above", `${card.level}V0H0Z`), path("threshold", card.level), path("scores", card.line)];
      return h("div", { class: "plot", "aria-hidden": "true" }, [
        h("svg", { class: "chart", viewBox: card.box, preserveAspectRatio: "none" }, drawn),
        h("span", { class: "scale" }, card.scale),
        h("span", card.span),
      ]);
    },
  },
};
