// The title of the browser's tab, which only a script can change.
// No templates: they would have to be evaluated, which the page's policy forbids.
export default {
  props: { title: String },
  mounted() { document.title = this.title; },
  updated() { document.title = this.title; },
  render() { return Vue.h("span", { hidden: true }, this.title); },
};
