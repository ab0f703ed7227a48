// A text field or a choice with its label, which tells its text as it changes.
export default {
  props: { label: String, value: String, options: Array, hint: String, limit: Number },
  emits: ["said"],
  data() { return { text: this.value }; }, // what is typed stays, however often the page around it is drawn
  watch: { value(text) { this.text = text; } },
  render() {
    const said = (event) => this.$emit("said", (this.text = event.target.value));
    const option = ([value, text]) => Vue.h("option", { value, selected: value === this.text }, text);
    const control = this.options
      ? Vue.h("select", { onChange: said }, this.options.map(option))
      : Vue.h("input", { value: this.text, maxlength: this.limit, placeholder: this.hint, onInput: said });
    return Vue.h("label", { class: "field" }, [Vue.h("span", this.label), control]);
  },
};
