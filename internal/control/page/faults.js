// The view of faults: the current rules and the known faults.

import { change, get } from './api.js';
import { confirm } from './dialogs.js';
import { button, data, failure, fill, h, link, notice, say } from './dom.js';
import { Editor } from './editor.js';
import { Known } from './known.js';
import { quoted, toRequests } from './route.js';
import { count, printable } from './text.js';
import { yaml } from './yaml.js';

const example = `name: flaky-blobs
where: op=blob.get repo=app
times: 2
do:
- status: {code: 503, retryAfter: 1s}
`;

export class Faults {
  constructor() {
    this.element = document.getElementById('faults');
    this.rules = this.element.querySelector('.rules');
    this.adding = this.element.querySelector('.adding');
    this.count = this.element.querySelector('.count');
    this.clearButton = this.element.querySelector('.clear-faults');
    this.clearButton.addEventListener('click', () => this.clear());
    this.addButton = this.element.querySelector('.add');
    this.addButton.addEventListener('click', () => this.add());
    this.element.querySelector('.jump').addEventListener('click', () => this.known.search.focus());
    this.known = new Known(this.element.querySelector('.known'), () => this.load());
    this.cards = new Map();
  }

  async enter({ query }) {
    this.known.load();
    await this.load();
    if (query.rule) {
      const card = this.cards.get(query.rule)?.element;
      card?.scrollIntoView({ block: 'center' });
      card?.focus();
    }
  }

  leave() {}

  refresh() { return this.load(); }

  // event refreshes the rules after they have changed, and, at intervals, the counts after
  // requests.
  event({ type }) {
    if (type === 'faults') {
      this.load();
    } else if (type === 'request' && !this.soon) {
      this.soon = setTimeout(() => { this.soon = undefined; this.load(); }, 500);
    }
  }

  async load() {
    if (this.element.hidden) {
      return;
    }
    const turn = this.turn = Symbol('latest call');
    try {
      const { faults } = await get('faults');
      if (turn === this.turn) {
        this.draw(faults);
      }
    } catch (error) {
      this.rules.replaceChildren(failure(error, () => this.load()));
      this.cards.clear();
    }
  }

  // draw keeps the cards of existing rules, so that the focus is not lost.
  draw(states) {
    const names = new Set(states.map(state => state.name));
    for (const [name, card] of this.cards) {
      if (!names.has(name)) {
        const focused = card.element.contains(document.activeElement);
        card.element.remove();
        this.cards.delete(name);
        if (focused) {
          this.addButton.focus();
        }
      }
    }
    if (!this.cards.size) {
      this.rules.replaceChildren();
    }
    for (const [i, state] of states.entries()) {
      let card = this.cards.get(state.name);
      if (!card) {
        card = new Card(state.name, () => this.load());
        this.cards.set(state.name, card);
      }
      card.draw(state);
      if (this.rules.children[i] !== card.element) {
        this.rules.insertBefore(card.element, this.rules.children[i] ?? null);
      }
    }
    this.count.textContent = count(states.length);
    this.clearButton.hidden = states.length === 0;
    if (states.length === 0) {
      this.rules.replaceChildren(notice('No faults.', h('p', {}, 'Add a known fault, or write a rule.')));
    }
  }

  add() {
    const done = () => {
      this.adding.replaceChildren();
      this.addButton.focus();
    };
    const editor = new Editor('New rules', example, {
      cancel: done,
      save: async text => {
        await change('POST', 'faults', { body: text, type: 'application/yaml' });
        done();
        say('Added');
        await this.load();
      },
    });
    this.adding.replaceChildren(h('div', { class: 'card' }, editor.element));
    editor.focus();
  }

  async clear() {
    if (await confirm('Remove all faults?', 'This removes all rules, including the initial ones.', 'Remove')) {
      await change('DELETE', 'faults').then(() => say('Removed'), error => say(error.message));
      await this.load();
    }
  }
}

// Card shows a rule and its state.
class Card {
  constructor(name, reload) {
    Object.assign(this, { name, reload, path: `faults/${encodeURIComponent(name)}` });
    this.toggle = button('', () => this.enable(), { role: 'switch', class: 'switch', 'aria-label': `Fault ${printable(name)}` });
    this.state = h('p', { class: 'state' });
    this.body = h('div', {});
    this.element = h('article', { class: 'card rule', tabindex: -1, 'aria-label': printable(name) },
      h('header', {}, this.toggle, h('h3', {}, data(name)), h('span', { class: 'tools' },
        link(toRequests(`fault=${quoted(name)}`), 'requests'), button('Edit', () => this.edit(), { 'aria-label': `Edit ${printable(name)}` }),
        button('Remove', () => this.remove(), { 'aria-label': `Remove ${printable(name)}` }))),
      this.state, this.body);
  }

  draw(state) {
    const { enabled, seen, hits, done, unfired, rule } = state;
    this.rule = rule;
    this.toggle.setAttribute('aria-checked', enabled);
    this.element.classList.toggle('off', !enabled || Boolean(done));
    fill(this.state,
      h('span', {}, h('b', {}, count(hits ?? 0)), ` of ${count(seen ?? 0)} ${rule.connect ? 'connections' : 'requests'}`),
      ' ', done && h('span', { class: 'chip' }, 'over'), ' ', unfired && h('span', { class: 'chip' }, printable(unfired)));
    const text = yaml(rule);
    if (!this.editor && this.text !== text) {
      this.text = text;
      this.body.replaceChildren(h('pre', { class: 'code', tabindex: 0, 'aria-label': 'Rule' }, text));
    }
  }

  async enable() {
    const enabled = this.toggle.getAttribute('aria-checked') !== 'true';
    await this.does(change('PATCH', this.path, { body: JSON.stringify({ enabled }), type: 'application/json' }), enabled ? 'On' : 'Off');
  }

  async remove() {
    await this.does(change('DELETE', this.path), 'Removed');
  }

  async does(what, done) {
    await what.then(() => say(done), error => say(error.message));
    await this.reload();
  }

  edit() {
    const done = () => {
      this.editor = this.text = undefined;
      this.reload();
      this.element.querySelector('.tools button').focus();
    };
    this.editor = new Editor(`Rule ${this.name}`, yaml(this.rule), {
      cancel: done,
      save: async text => {
        await change('PUT', this.path, { body: text, type: 'application/yaml' });
        say('Saved');
        done();
      },
    });
    this.body.replaceChildren(this.editor.element);
    this.editor.focus();
  }
}
