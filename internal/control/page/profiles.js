// The view of the profile: its traits with their evidence, and the other profiles.

import { change, get } from './api.js';
import { evidence } from './citation.js';
import { button, data, failure, fill, h, notice, say } from './dom.js';
import { Editor } from './editor.js';
import { count, printable } from './text.js';
import { forget, profile } from './used.js';

const example = `name: mine
title: Our registry
extends: harbor
facts:
- trait: tags.page-max
  value: 50
  seen: a page has at most 50 tags
  source: our administrator
  grade: D
`;

const strict = { name: 'strict', title: 'Strict registry', aliases: [], hosts: [] };

export class Profiles {
  // used is called with the profile in use when it has changed.
  constructor(used) {
    this.used = used;
    this.element = document.getElementById('profile');
    const part = name => this.element.querySelector(`.${name}`);
    Object.assign(this, {
      title: part('used'), about: part('about'), facts: part('traits'), count: part('count'), adding: part('adding'),
      search: part('search'), others: part('profiles'), wrong: part('wrong'), addButton: part('add'),
    });
    this.search.addEventListener('input', () => this.drawFacts());
    this.addButton.addEventListener('click', () => this.add());
  }

  async enter({ query }) {
    await Promise.all([this.load(), this.loadOthers()]);
    const fact = query.trait && [...this.facts.children].find(element => element.dataset.trait === query.trait);
    if (fact) {
      fact.scrollIntoView({ block: 'center' });
      fact.focus();
    }
  }

  leave() {}

  refresh() { return this.load(); }

  event() {}

  // load shows the profile in use.
  async load() {
    try {
      this.profile = await profile();
      this.draw();
    } catch (error) {
      this.facts.replaceChildren(failure(error, () => this.load()));
    }
  }

  async loadOthers() {
    if (this.all) {
      return;
    }
    try {
      const { profiles } = await get('profiles');
      this.all = [strict, ...profiles];
      this.drawOthers();
    } catch (error) {
      this.others.replaceChildren(failure(error, () => this.loadOthers()));
    }
  }

  draw() {
    const { name, title, hosts, auth, warning } = this.profile;
    fill(this.title, printable(title || name));
    fill(this.about,
      h('p', { class: 'none' }, name === strict.name
        ? 'The registry follows the specification. A profile makes it respond as a real registry does.'
        : ['Profile ', data(name), hosts.length > 0 && [', as ', hosts.flatMap((host, i) => [i > 0 && ', ', data(host)])], `. Authentication: ${auth}.`]),
      warning && h('p', { class: 'warning' }, printable(warning)));
    this.drawFacts();
    this.drawOthers();
  }

  // drawFacts shows the facts that contain all words.
  drawFacts() {
    if (!this.profile) {
      return;
    }
    const { facts } = this.profile;
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = facts.filter(fact => {
      const text = [fact.trait, fact.about, fact.value, fact.seen, fact.source].join(' ').toLowerCase();
      return words.every(word => text.includes(word));
    });
    this.search.closest('.tools').hidden = facts.length === 0;
    this.count.textContent = facts.length === 0 ? '' : `${words.length ? `${count(found.length)} of ` : ''}${count(facts.length)} traits`;
    fill(this.facts, found.map(item));
    if (facts.length === 0) {
      this.facts.replaceChildren(h('li', {}, notice('No traits.', h('p', {}, 'Choose a profile, or write one.'))));
    } else if (found.length === 0) {
      this.facts.replaceChildren(h('li', { class: 'none' }, 'No matches.'));
    }
  }

  drawOthers() {
    if (!this.all) {
      return;
    }
    const focused = this.others.contains(document.activeElement);
    fill(this.others, this.all.map(other => {
      const now = other.name === this.profile?.name;
      return h('li', { class: 'other', 'aria-current': now && 'true' },
        h('span', {}, h('b', {}, printable(other.title)), ' ', data([other.name, ...other.aliases].join(', '), { class: 'none' })),
        now ? h('span', { class: 'chip trait', tabindex: -1 }, 'in use') : button('Use', () => this.use(other), { 'aria-label': `Use ${other.title}` }));
    }));
    if (focused) {
      this.others.querySelector('[aria-current] .chip')?.focus();
    }
  }

  async use(other) {
    if (this.using) {
      return;
    }
    this.using = true;
    try {
      await change('POST', `profiles/${encodeURIComponent(other.name)}`);
      await this.changed(other.title);
    } catch (error) {
      this.refuse(error.message);
    } finally {
      this.using = false;
    }
  }

  async changed(title) {
    this.refuse('');
    say(`Using ${title}`);
    forget();
    await this.used();
    await this.load();
  }

  refuse(message) {
    this.wrong.textContent = printable(message);
    this.wrong.hidden = !message;
    this.wrong.scrollIntoView({ block: 'nearest' });
  }

  add() {
    const done = () => {
      this.adding.replaceChildren();
      this.addButton.focus();
    };
    const editor = new Editor('Profile', example, {
      cancel: done,
      save: async text => {
        const response = await change('PUT', 'profile', { body: text, type: 'application/yaml' });
        const { title, name } = await response.json();
        done();
        await this.changed(title || name);
      },
    });
    this.adding.replaceChildren(h('div', { class: 'card' }, editor.element));
    editor.focus();
  }
}

const item = fact => h('li', { class: 'fact', tabindex: -1, 'data-trait': fact.trait },
  h('header', {}, h('h3', {}, data(fact.trait)), fact.off && h('span', { class: 'chip' }, 'not applied')),
  h('p', { class: 'none' }, printable(fact.about)),
  h('p', {}, data(fact.value, { class: fact.value === fact.strict ? 'same' : 'differs' }),
    fact.value === fact.strict ? h('span', { class: 'none' }, ' as the strict registry') : h('span', { class: 'none' }, ' strict: ', data(fact.strict))),
  h('p', {}, printable(fact.seen)),
  fact.off && h('p', { class: 'none' }, `Not applied: ${printable(fact.off)}`),
  h('p', { class: 'none' }, evidence(fact)));
