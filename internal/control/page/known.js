// Known faults of real registries, which can be added with one click.

import { change, get } from './api.js';
import { citation } from './citation.js';
import { button, data, failure, h, say } from './dom.js';
import { count, printable } from './text.js';
import { yaml } from './yaml.js';

export class Known {
  constructor(element, added) {
    Object.assign(this, { element, added });
    this.list = element.querySelector('ul');
    this.search = element.querySelector('.search');
    this.where = element.querySelector('.where');
    this.wrong = element.querySelector('.wrong');
    this.search.addEventListener('input', () => this.draw());
    this.where.addEventListener('input', () => this.refuse(''));
  }

  async load() {
    if (this.all) {
      return;
    }
    try {
      this.all = await get('faults/known');
      this.draw();
    } catch (error) {
      this.list.replaceChildren(failure(error, () => this.load()));
    }
  }

  // draw shows the faults that contain all words.
  draw() {
    if (!this.all) {
      return;
    }
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = this.all.filter(fault => {
      const text = [fault.name, fault.what, fault.correct, ...fault.clients ?? []].join(' ').toLowerCase();
      return words.every(word => text.includes(word));
    });
    this.element.querySelector('.count').textContent = words.length ? `${count(found.length)} of ${count(this.all.length)}` : count(found.length);
    this.list.replaceChildren(...found.map(fault => this.item(fault)));
    if (found.length === 0) {
      this.list.append(h('li', { class: 'none' }, 'No matches.'));
    }
  }

  item(fault) {
    return h('li', { class: 'known-fault' },
      h('header', {}, h('h4', {}, data(fault.name)),
        button('Add', () => this.add(fault), { 'aria-label': `Add ${fault.name}` })),
      h('p', {}, printable(fault.what)),
      h('details', {}, h('summary', {}, h('span', { class: 'correct' }, `A correct client ${printable(fault.correct)}`)),
        fault.clients?.length > 0 && h('p', { class: 'none' }, `Met by ${fault.clients.map(printable).join(', ')}.`),
        fault.citations?.length > 0 && h('p', { class: 'none' }, fault.citations.flatMap(name => [citation(name), ' '])),
        fault.rules && h('pre', { class: 'code', tabindex: 0 }, yaml(fault.rules))));
  }

  async add(fault) {
    if (this.adding) {
      return;
    }
    this.adding = true;
    try {
      await change('POST', `faults/known/${encodeURIComponent(fault.name)}`, { query: { where: this.where.value.trim() } });
      this.refuse('');
      say(`Added ${fault.name}`);
      await this.added();
    } catch (error) {
      this.refuse(error.message);
      this.wrong.scrollIntoView({ block: 'nearest' });
    } finally {
      this.adding = false;
    }
  }

  refuse(message) {
    this.wrong.textContent = printable(message);
    this.wrong.hidden = !message;
    this.where.setAttribute('aria-invalid', Boolean(message));
  }
}
