// An editor for rules that shows the position of errors.

import { button, h } from './dom.js';
import { printable } from './text.js';

// Editor edits text until save accepts it.
export class Editor {
  // save receives the text. cancel is called if the user discards it.
  constructor(label, value, { save, cancel }) {
    Object.assign(this, { save, cancel });
    this.area = h('textarea', {
      'aria-label': label, spellcheck: 'false', autocapitalize: 'off', autocomplete: 'off', wrap: 'off',
      input: () => this.draw(), scroll: () => { this.numbers.scrollTop = this.area.scrollTop; }, keydown: event => this.key(event),
    });
    this.area.value = value;
    this.numbers = h('ol', { class: 'numbers', 'aria-hidden': 'true' });
    this.error = h('p', { class: 'wrong', role: 'alert', hidden: true });
    this.element = h('form', { class: 'editor', submit: event => { event.preventDefault(); this.submit(); } },
      h('div', { class: 'lines' }, this.numbers, this.area), this.error,
      h('div', { class: 'tools' }, button('Save', () => this.submit(), { class: 'primary', title: 'Ctrl+Enter' }), button('Cancel', () => this.cancel()),
        h('span', { class: 'none' }, 'YAML or JSON')));
    this.draw();
  }

  focus() {
    this.area.focus();
    this.area.setSelectionRange(0, 0);
  }

  key(event) {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      this.submit();
    } else if (event.key === 'Escape') {
      event.stopPropagation();
      this.cancel();
    }
  }

  draw(wrong) {
    const lines = this.area.value.split('\n').length;
    this.area.rows = Math.min(Math.max(lines + 1, 5), 24);
    this.numbers.replaceChildren(...Array.from({ length: lines }, (_, i) => h('li', { class: i + 1 === wrong && 'at' }, i + 1)));
    this.numbers.scrollTop = this.area.scrollTop;
    if (!wrong) {
      this.error.hidden = true;
      this.area.removeAttribute('aria-invalid');
    }
  }

  async submit() {
    if (this.saving) {
      return;
    }
    this.saving = true;
    try {
      await this.save(this.area.value);
    } catch (error) {
      this.refuse(error);
    } finally {
      this.saving = false;
    }
  }

  // refuse shows an error and moves the cursor to it.
  refuse({ message, line, column, field }) {
    this.draw(line);
    let said = line ? message.replace(/^(?:rules: )?line \d+(?:, column \d+)?: /, '') : message;
    if (field && said.startsWith(`${field}: `)) said = said.slice(field.length + 2);
    const where = [line && `Line ${line}${column ? `, column ${column}` : ''}`, field].filter(Boolean).join(', ');
    this.error.replaceChildren(...where ? [h('b', {}, printable(where)), ' '] : [], printable(said));
    this.error.hidden = false;
    this.area.setAttribute('aria-invalid', 'true');
    this.area.focus();
    if (line) {
      const lines = this.area.value.split('\n');
      const start = lines.slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, 0);
      const end = start + (lines[line - 1] ?? '').length;
      this.area.setSelectionRange(Math.min(start + (column || 1) - 1, end), end);
    }
  }
}
